// Looks: colours and sizes that atoms have in every picture.

const GREY = "#a9b0b8"; // of what has no value to show
const BOND = "#c3c9d0";
const EDGE = "#8a94a0";
const INK = "#1f2a37";
const LABELLED = 60; // atoms, beyond which labels would hide them
const DARK = 0.62; // of the way from the centre of a scale to its ends

const owners = Array.from(unpack(pictures.atoms)); // which atom each is that is drawn, images too
const covalent = unpack(pictures.radii); // of each atom
const colorings = pictures.colorings.map((one) => ({ ...one, values: unpack(one.values) }));

function radius(drawn) {
  return 0.16 + 0.36 * covalent[owners[drawn]];
}

// Dark on light colours, light on dark ones.
function inkOn({ scale }, value) {
  return Math.abs(value - scale.center) > DARK * scale.reach ? "#ffffff" : INK;
}
