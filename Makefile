train:
	true
