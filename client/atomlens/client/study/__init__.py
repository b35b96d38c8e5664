"""Study: whether what models explain can be believed, told on labelled data (extra `study`)."""
