// Space: what a model says of a probe at places around the molecule.

const CLEAR = 0.5; // opacity
const LOOKS = [{ key: "solid", label: "solid" }, { key: "clear", label: "clear" }];
const spacePlot = document.getElementById("space-plot");
const slider = document.getElementById("step");

const fields = [...data.surfaces, ...data.maps].flatMap((one, index) => {
  const source = one.mesh === undefined ? `map ${index - data.surfaces.length}` : `mesh ${one.mesh}`;
  const model = `${one.model.name}@${one.model.version}`;
  const [values, flags] = [unpack(one.values), unpack(one.extrapolating)];
  const [points, bytes] = [values.length, flags.length].map((length) => length / one.fields.length);
  return one.fields.map((field, row) => ({
    ...field,
    source,
    model,
    property: `${model}|${field.head}`,
    points,
    values: values.subarray(row * points, (row + 1) * points),
    flagged: one.flagged[row],
    isFlagged: (point) => (flags[row * bytes + (point >> 3)] >> (7 - (point & 7))) & 1,
    minima: pictures.minima[`${source}|${field.head}|${field.element}`] ?? [],
  }));
});

const chosen = {}; // the keys of element, property, place and look

function place() {
  return places.find((one) => one.key === chosen.place);
}

function field() {
  const there = fields.filter((one) => one.source === place().source);
  const fits = (keys) => there.find((one) => keys.every((key) => one[key] === chosen[key]));
  return fits(["property", "element"]) ?? fits(["property"]) ?? there[0];
}

function fieldScale(one) {
  return pictures.scales[`${one.model}|${one.head}|${one.element}`];
}

// Where the reader looks from.
function eye() {
  const camera = spacePlot.layout?.scene?.camera?.eye;
  return camera ? [camera.x, camera.y, camera.z] : towards;
}

// Faces from the farthest to the nearest: one shines through another only if it is drawn first.
function backToFront(points, faces) {
  const from = eye();
  const depths = points.map((point) => dot(point, from));
  const depth = new Map(faces.map((face) => [face, depths[face[0]] + depths[face[1]] + depths[face[2]]]));
  return [...faces].sort((one, other) => depth.get(one) - depth.get(other));
}

function hoverText(one, values, flags) {
  return Array.from(values, (value, point) => {
    const text = `Ω of ${one.element}: ${decimals(value)} ${one.unit}`;
    return flags[point] ? `${text}<br>extrapolated` : text;
  });
}

// What is trusted has colours, all else is grey; points without faces are marks.
function fieldTraces(one, { points, faces, indices }, opacity) {
  const values = indices ? indices.map((index) => one.values[index]) : Array.from(one.values);
  const flags = points.map((_, point) => Boolean(one.isFlagged(indices ? indices[point] : point)));
  const text = hoverText(one, values, flags);
  const [cmin, cmax] = ends(fieldScale(one));
  const colored = { colorscale: colors(fieldScale(one)), cmin, cmax };
  const draw = faces.length ? faceTraces : markTraces;
  return draw({ points, faces, values, flags, colored, text, opacity });
}

function markTraces({ points, values, flags, colored, text }) {
  const part = (isGrey, name, more) => {
    const kept = (rows) => rows.filter((_, point) => flags[point] === isGrey);
    const [x, y, z] = [0, 1, 2].map((axis) => column(kept(points), axis));
    const marker = { size: 4, color: kept(values), ...more };
    return x.length ? [marks({ name, x, y, z, text: kept(text), marker })] : [];
  };
  return [...part(false, "field", colored), ...part(true, "extrapolating", { color: GREY })];
}

function marks(more) {
  return { type: "scatter3d", mode: "markers", hoverinfo: "text", ...more };
}

// A face is trusted where all its corners are.
function faceTraces({ points, faces: unsorted, values, flags, colored, text, opacity }) {
  const [x, y, z] = [0, 1, 2].map((axis) => Float32Array.from(points, (point) => point[axis]));
  const faces = opacity < 1 ? backToFront(points, unsorted) : unsorted;
  const common = { opacity, text, hoverinfo: "text" };
  const part = (isGrey, more) => {
    const kept = faces.filter((face) => face.some((corner) => flags[corner]) === isGrey);
    const corners = { i: column(kept, 0), j: column(kept, 1), k: column(kept, 2) };
    return kept.length ? [meshTrace({ x, y, z, ...corners }, { ...common, ...more })] : [];
  };
  return [
    ...part(false, { name: "field", intensity: values, ...colored }),
    ...part(true, { name: "extrapolating", color: GREY }),
  ];
}

// The molecule inside, in the colours that chemists know.
function moleculeTraces() {
  const body = atomBody(0.62);
  const known = body.owners.map((drawn) => pictures.colors[pictures.symbols[owners[drawn]]]);
  return [meshTrace(body, { name: "molecule", vertexcolor: known }), ...bondTraces(0.1), ...cellTraces()];
}

function minimumTraces(one) {
  if (!one.minima.length) {
    return [];
  }
  const [x, y, z] = [0, 1, 2].map((axis) => one.minima.map(({ position }) => position[axis]));
  const text = one.minima.map(({ value }) => `lowest around: ${decimals(value)} ${one.unit}`);
  const marker = { size: 6, symbol: "diamond", color: INK };
  return [marks({ name: "minima", x, y, z, text, marker })];
}

// What else has the same colours.
function scaleNote(one) {
  const where = [surfaces.length ? "surfaces" : "", cuts.some(({ steps }) => steps) ? "slices" : ""].filter(Boolean);
  const shared = where.length ? `all ${where.join(" and ")}` : "all points";
  if (fieldScale(one).palette === "charge") {
    const atoms = pictures.colorings.some(({ scale }) => scale.palette === "charge") ? "atoms and " : "";
    return `One scale for the charges of ${atoms}all probes, on ${shared}; `;
  }
  return `One scale for ${shared}; `;
}

function spaceNotes(one) {
  const notes = [];
  const { beyond } = fieldScale(one);
  if (beyond && one.flagged < one.points) {
    notes.push(`${scaleNote(one)}at most ${100 * beyond} % of the points lie beyond either end.`);
  }
  if (one.flagged) {
    const [flagged, points] = [one.flagged, one.points].map((count) => count.toLocaleString("en"));
    const between = pictures.interpolated && surfaces.includes(place()) ? ", or between points that are" : "";
    notes.push(
      `${flagged} of ${points} points, in grey, are nearer to a nucleus than that pair of elements came in training` +
        `${between}: the model extrapolates there, and colours leave them out.`,
    );
  }
  if (one.minima.length) {
    const best = fieldScale(one).palette === "energy" ? `the best places for ${one.element}, ` : "";
    notes.push(`Diamonds: ${best}lower than all points around them.`);
  }
  return notes;
}

function drawSpace() {
  const one = field();
  const where = place().at(Number(slider.value));
  const opacity = chosen.look === "clear" ? CLEAR : 1;
  const traces = [...fieldTraces(one, where, opacity), ...minimumTraces(one), ...moleculeTraces()];
  const name = `Ω of ${one.element}, ${one.head.replaceAll("_", " ")}, at ${where.name}`;
  const scale = one.flagged < one.points ? fieldScale(one) : null;
  showLegend(document.getElementById("space-legend"), name, scale, spaceNotes(one));
  return Plotly.react(spacePlot, traces, sceneLayout(spacePlot, everywhere, 0.5), CONFIG);
}

const everywhere = [...positions, ...places.flatMap(({ at, steps }) => [0, ...(steps ? [steps - 1] : [])].flatMap((step) => at(step).points))];

function distinct(key) {
  return [...new Set(fields.map((one) => one[key]))];
}

function properties() {
  const keys = distinct("property");
  const severalModels = distinct("head").length < keys.length;
  return keys.map((key) => {
    const [model, head] = key.split("|");
    const name = head.replaceAll("_", " ");
    return { key, label: severalModels ? `${name} (${model})` : name };
  });
}

// Begin in the middle of the surfaces, with the probe that has most to show there.
function begin(choices) {
  for (const [key, , options] of Object.values(choices)) {
    chosen[key] = options[0].key;
  }
  chosen.place = places[Math.max(0, Math.floor((surfaces.length - 1) / 2))].key;
  const there = fields.filter((one) => one.source === place().source && one.property === chosen.property);
  chosen.element = there.reduce((best, one) => (one.flagged < best.flagged ? one : best)).element;
}

// The slider belongs to slices.
function setSlider() {
  const { steps, first } = place();
  slider.hidden = steps < 2;
  slider.max = Math.max(0, steps - 1);
  slider.value = first ?? 0;
}

function showSpace() {
  const choices = {
    probe: ["element", "Probe", distinct("element").map((key) => ({ key, label: key }))],
    property: ["property", "Of", properties()],
    place: ["place", "At", places.map(({ key, label }) => ({ key, label }))],
    look: ["look", "", LOOKS],
  };
  begin(choices);
  setSlider();
  for (const [id, [key, name, options]] of Object.entries(choices)) {
    showChoice(document.getElementById(id), name, options, chosen[key], (value) => {
      chosen[key] = value;
      if (key === "place") {
        setSlider();
      }
      drawSpace();
    });
  }
  slider.addEventListener("input", drawSpace);
  const drawn = drawSpace();
  spacePlot.on("plotly_relayout", (change) => {
    if (change["scene.camera"] && chosen.look === "clear") {
      drawSpace();
    }
  });
  return drawn;
}

