// Atoms: the molecule, each atom in the colour of what a model says of it.

const atomsPlot = document.getElementById("atoms-plot");

// What is said of an atom: a line for each way to colour it.
function atomText(atom) {
  const lines = colorings
    .filter(({ values }) => !Number.isNaN(values[atom]))
    .map(({ label, values, digits, scale }) => `${label}: ${decimals(values[atom], digits)} ${scale.unit}`);
  return [`<b>${pictures.symbols[atom]}${atom}</b>`, ...lines].join("<br>");
}

function atomTraces(coloring) {
  const body = atomBody(1);
  const known = owners.map((atom) => !Number.isNaN(coloring.values[atom]));
  const texts = pictures.symbols.map((_, atom) => atomText(atom));
  const text = body.owners.map((drawn) => texts[owners[drawn]]);
  const [low, high] = ends(coloring.scale);
  const colored = meshTrace(onlyOf(body, known), {
    name: coloring.key,
    intensity: body.owners.map((drawn) => coloring.values[owners[drawn]] || coloring.scale.center),
    colorscale: colors(coloring.scale),
    cmin: low,
    cmax: high,
    text,
    hoverinfo: "text",
  });
  const others = meshTrace(onlyOf(body, known.map((one) => !one)), { name: "unknown", color: GREY, text, hoverinfo: "text" });
  return [colored, ...(known.every(Boolean) ? [] : [others]), ...bondTraces(0.11), ...cellTraces()];
}

// A body with those faces alone whose owner is chosen.
function onlyOf(body, chosen) {
  const kept = body.i.map((_, face) => face).filter((face) => chosen[body.owners[body.i[face]]]);
  const part = (corner) => kept.map((face) => body[corner][face]);
  return { ...body, i: part("i"), j: part("j"), k: part("k") };
}

function atomLabel(drawn, color, strong = false) {
  const [x, y, z] = positions[drawn];
  const text = `${pictures.symbols[owners[drawn]]}${owners[drawn]}`;
  const font = { size: strong ? 15 : 11, color, family: "system-ui, sans-serif" };
  return {
    x,
    y,
    z,
    text: strong ? `<b>${text}</b>` : text,
    showarrow: false,
    font,
    ...(strong ? { bgcolor: "#ffffff", bordercolor: INK, borderpad: 3 } : {}),
  };
}

function atomLabels(coloring, pointed = -1) {
  const drawn = owners.map((_, place) => place);
  const ink = (place) => inkOn(coloring, coloring.values[owners[place]]);
  const labels = owners.length <= LABELLED ? drawn.map((place) => atomLabel(place, ink(place))) : [];
  const strong = drawn.filter((place) => owners[place] === pointed).map((place) => atomLabel(place, INK, true));
  return [...labels, ...strong];
}

let shown = null; // the way in which atoms are coloured

function showAtoms() {
  const options = colorings.map(({ key, label }) => ({ key, label }));
  const choose = (key) => {
    shown = colorings.find((one) => one.key === key);
    const layout = sceneLayout(atomsPlot, positions, 0.75, atomLabels(shown));
    showLegend(document.getElementById("atoms-legend"), shown.label, shown.scale);
    return Plotly.react(atomsPlot, atomTraces(shown), layout, CONFIG);
  };
  showChoice(document.getElementById("coloring"), "Colour by", options, options[0].key, choose);
  return choose(options[0].key);
}

// Name one atom, or none for -1.
function pointAt(atom) {
  return Plotly.relayout(atomsPlot, { "scene.annotations": atomLabels(shown, atom) });
}

