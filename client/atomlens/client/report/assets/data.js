// Data: what the page holds, with arrays as typed arrays.

const data = JSON.parse(document.getElementById("data").textContent);
const pictures = data.pictures;
const isStill = location.hash === "#still"; // whether the pictures alone are wanted
const ARRAYS = { u1: Uint8Array, u2: Uint16Array, i4: Int32Array, f4: Float32Array, f8: Float64Array };

function unpack(packed) {
  const bytes = Uint8Array.from(atob(packed.bytes), (letter) => letter.charCodeAt(0));
  return new ARRAYS[packed.dtype](bytes.buffer);
}

// Rows of three numbers.
function triples(flat) {
  const rows = [];
  for (let place = 0; place < flat.length; place += 3) {
    rows.push([flat[place], flat[place + 1], flat[place + 2]]);
  }
  return rows;
}

function column(rows, axis) {
  return rows.map((row) => row[axis]);
}

const add = (a, b, factor = 1) => a.map((value, axis) => value + factor * b[axis]);
const length = (a) => Math.hypot(...a);
const scaled = (a, factor) => a.map((value) => value * factor);
const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

function decimals(value, digits = 4) {
  const text = value.toFixed(digits);
  return Number(text) === 0 ? (0).toFixed(digits) : text;
}

