// Molecule: atoms and bonds on a canvas, to be turned; small enough for every answer in a notebook.

const canvas = document.getElementById("molecule");
const pen = canvas.getContext("2d");
const positions = centered(triples(unpack(pictures.positions)));
const bonds = unpack(pictures.bonds);
let view = pictures.view; // vectors to the right, upwards and towards the reader
let coloring = colorings[0];

function centered(points) {
  const middle = [0, 1, 2].map((axis) => column(points, axis).reduce((sum, value) => sum + value, 0) / points.length);
  return points.map((point) => add(point, middle, -1));
}

// The colour of a value, between those of the palette that are next to it.
function colorOf(value) {
  if (Number.isNaN(value)) {
    return GREY;
  }
  const palette = pictures.palettes[coloring.scale.palette];
  const [low, high] = ends(coloring.scale);
  const place = Math.min(1, Math.max(0, (value - low) / (high - low))) * (palette.length - 1);
  const first = Math.min(palette.length - 2, Math.floor(place));
  const channel = (color, part) => parseInt(color.slice(1 + 2 * part, 3 + 2 * part), 16);
  const mixed = [0, 1, 2].map((part) => {
    const [one, other] = [palette[first], palette[first + 1]].map((color) => channel(color, part));
    return Math.round(one + (place - first) * (other - one));
  });
  return `#${mixed.map((value8) => value8.toString(16).padStart(2, "0")).join("")}`;
}

// Where things are on the canvas: x, y, and how near to the reader.
function project() {
  const seen = positions.map((point) => view.map((axis) => dot(point, axis)));
  const reach = seen.reduce((most, place, drawn) => Math.max(most, length(place) + radius(drawn)), 0);
  const scale = Math.min(canvas.clientWidth, canvas.clientHeight) / (2 * reach);
  const places = seen.map(([x, y, z]) => [canvas.clientWidth / 2 + scale * x, canvas.clientHeight / 2 - scale * y, z]);
  return { places, scale };
}

function drawAtom([x, y], size, color, text, ink) {
  const shade = pen.createRadialGradient(x - 0.35 * size, y - 0.35 * size, 0.1 * size, x, y, size);
  shade.addColorStop(0, "#ffffff");
  shade.addColorStop(0.35, color);
  shade.addColorStop(1, color);
  pen.beginPath();
  pen.arc(x, y, size, 0, 2 * Math.PI);
  pen.fillStyle = shade;
  pen.fill();
  pen.lineWidth = 1;
  pen.strokeStyle = "#5b667366";
  pen.stroke();
  if (text) {
    pen.fillStyle = ink;
    pen.fillText(text, x, y);
  }
}

function drawBond([x, y], [otherX, otherY], width) {
  for (const [color, part] of [[EDGE, 1], [BOND, 0.72]]) {
    pen.beginPath();
    pen.moveTo(x, y);
    pen.lineTo(otherX, otherY);
    pen.lineWidth = part * width;
    pen.strokeStyle = color;
    pen.stroke();
  }
}

// What is far is drawn first.
function draw() {
  const ratio = window.devicePixelRatio || 1;
  [canvas.width, canvas.height] = [canvas.clientWidth, canvas.clientHeight].map((size) => ratio * size);
  pen.scale(ratio, ratio);
  pen.font = "11px system-ui, sans-serif";
  [pen.textAlign, pen.textBaseline] = ["center", "middle"];
  const { places, scale } = project();
  const bodies = places.map(([, , z], drawn) => [z, () => drawOne(drawn, places, scale)]);
  for (let bond = 0; bond < bonds.length; bond += 2) {
    const [one, other] = trimmed(places, bonds[bond], bonds[bond + 1], scale);
    bodies.push([(one[2] + other[2]) / 2, () => drawBond(one, other, 0.22 * scale)]);
  }
  bodies.sort(([one], [other]) => one - other).forEach(([, body]) => body());
}

// A bond from the surface of one atom to that of the other.
function trimmed(places, one, other, scale) {
  const along = add(positions[other], positions[one], -1);
  const between = (end, sign) => {
    const part = (sign * 0.9 * radius(end)) / length(along);
    const [x, y, z] = view.map((axis) => part * dot(along, axis));
    return add(places[end], [scale * x, -scale * y, z]);
  };
  return [between(one, 1), between(other, -1)];
}

function drawOne(drawn, places, scale) {
  const value = coloring.values[owners[drawn]];
  const text = owners.length <= LABELLED ? `${pictures.symbols[owners[drawn]]}${owners[drawn]}` : "";
  drawAtom(places[drawn], scale * radius(drawn), colorOf(value), text, inkOn(coloring, value));
}

// Turn by as much as the pointer moves.
function turn(event) {
  if (event.buttons !== 1) {
    return;
  }
  const [right, upwards, towards] = view;
  const [sideways, over] = [event.movementX, event.movementY].map((pixels) => pixels / 120);
  const newRight = add(scaled(right, Math.cos(sideways)), towards, Math.sin(-sideways));
  const turned = cross(newRight, upwards);
  const newUp = add(scaled(upwards, Math.cos(over)), turned, Math.sin(over));
  view = [newRight, newUp, cross(newRight, newUp)].map((axis) => scaled(axis, 1 / length(axis)));
  draw();
}

function show(key) {
  coloring = colorings.find((one) => one.key === key);
  showLegend(document.getElementById("legend"), coloring.label, coloring.scale);
  draw();
}

const options = colorings.map(({ key, label }) => ({ key, label }));
showChoice(document.getElementById("coloring"), "Colour by", options, options[0].key, show);
canvas.addEventListener("pointermove", turn);
window.addEventListener("resize", draw);
show(options[0].key);
document.documentElement.classList.add("drawn");
