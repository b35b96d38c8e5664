// Scene: the molecule, the camera, and what all drawings in 3-D have in common.

const LIGHT = { ambient: 0.64, diffuse: 0.62, specular: 0.12, roughness: 0.55, fresnel: 0.05 };
const LIGHT_ANGSTROM = 1e5; // how far it is away
const HALF_HEIGHT = Math.tan(Math.PI / 8); // that the camera sees, in distances from it
const FILLED = 0.94; // of the picture
const ROUNDS = 4; // of moving the camera to where it sees most
const CONFIG = {
  displaylogo: false,
  responsive: true,
  displayModeBar: isStill ? false : "hover",
  modeBarButtons: [["toImage", "resetCameraDefault3d"]],
};

const positions = triples(unpack(pictures.positions)); // of what is drawn, images too
const bonds = pairs(unpack(pictures.bonds));
const isPeriodic = unpack(data.structure.pbc).some(Boolean);
const [right, upwards, towards] = pictures.view;

function pairs(flat) {
  const rows = [];
  for (let place = 0; place < flat.length; place += 2) {
    rows.push([positions[flat[place]], positions[flat[place + 1]]]);
  }
  return rows;
}

function meshTrace(body, more) {
  const { x, y, z, i, j, k } = body;
  // Without perspective Plotly takes the inside of a body for its outside, and light has to come from behind.
  const position = scaled(add(add(towards, upwards, 0.7), right, -0.4), isPeriodic ? -LIGHT_ANGSTROM : LIGHT_ANGSTROM);
  return {
    type: "mesh3d",
    ...{ x, y, z, i, j, k },
    showscale: false,
    lighting: LIGHT,
    lightposition: { x: position[0], y: position[1], z: position[2] },
    hoverinfo: "skip",
    ...more,
  };
}

function atomBody(size) {
  return spheres(positions, positions.map((_, drawn) => size * radius(drawn)));
}

function bondTraces(radius) {
  return bonds.length ? [meshTrace(cylinders(bonds, radius), { name: "bonds", color: BOND })] : [];
}

// The edges of a cell as one broken line.
function cellTraces() {
  if (!pictures.edges.length) {
    return [];
  }
  const points = pictures.edges.flatMap(([start, end]) => [start, end, [null, null, null]]);
  return [
    {
      type: "scatter3d",
      mode: "lines",
      name: "cell",
      x: column(points, 0),
      y: column(points, 1),
      z: column(points, 2),
      line: { color: EDGE, width: 2.5 },
      hoverinfo: "skip",
    },
  ];
}

// Points as the reader sees them from a center: to the right, upwards, towards the reader.
function seen(points, center) {
  return points.map((point) => {
    const from = add(point, center, -1);
    return [dot(from, right), dot(from, upwards), dot(from, towards)];
  });
}

function middle(values) {
  return values.length ? (extreme(values, Math.min) + extreme(values, Math.max)) / 2 : 0;
}

function extreme(values, choose) {
  return values.reduce((found, value) => choose(found, value));
}

// A center and a distance from which all points, and a margin around them, are in sight and fill the picture.
function fitted(plot, points, margin) {
  const [tall, wide] = [1, plot.clientWidth / plot.clientHeight].map((size) => FILLED * HALF_HEIGHT * size);
  let center = [0, 1, 2].map((axis) => middle(column(points, axis)));
  let away = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    const places = seen(points, center).map(([x, y, z]) => [x, y, isPeriodic ? -margin : z]);
    away = extreme(
      places.map(([x, y, z]) => z + margin + Math.max((Math.abs(x) + margin) / wide, (Math.abs(y) + margin) / tall)),
      Math.max,
    );
    const shift = (axis) => away * middle(places.map((place) => place[axis] / (away - place[2])));
    center = add(add(center, right, shift(0)), upwards, shift(1));
  }
  return { center, away };
}

// Molecules are drawn in perspective; crystals are not, and what is large in the picture is a large scene there.
function lens(away, half) {
  const distance = away / (2 * half); // in widths of the scene
  if (!isPeriodic) {
    return { scale: 1, distance, projection: { type: "perspective" } };
  }
  return { scale: 1 / (distance * HALF_HEIGHT), distance: 2, projection: { type: "orthographic" } };
}

function sceneLayout(plot, points, margin, annotations = []) {
  const { center, away } = fitted(plot, points, margin);
  const half = extreme(points.map((point) => length(add(point, center, -1))), Math.max) + margin;
  const axis = (place) => ({
    visible: false,
    showspikes: false,
    autorange: false,
    range: [center[place] - half, center[place] + half],
  });
  const { scale, distance, projection } = lens(away, half);
  const eye = scaled(towards, distance);
  return {
    margin: { l: 0, r: 0, t: 0, b: 0 },
    paper_bgcolor: "rgba(0,0,0,0)",
    showlegend: false,
    modebar: { bgcolor: "rgba(0,0,0,0)", color: "#9aa5b1", activecolor: INK },
    uirevision: "the same",
    hoverlabel: {
      bgcolor: "#ffffff",
      bordercolor: BOND,
      align: "left",
      font: { color: INK, size: 13, family: "system-ui, sans-serif" },
    },
    scene: {
      xaxis: axis(0),
      yaxis: axis(1),
      zaxis: axis(2),
      aspectmode: "manual",
      aspectratio: { x: scale, y: scale, z: scale },
      dragmode: "orbit",
      uirevision: "the same",
      camera: {
        eye: { x: eye[0], y: eye[1], z: eye[2] },
        up: { x: upwards[0], y: upwards[1], z: upwards[2] },
        center: { x: 0, y: 0, z: 0 },
        projection,
      },
      annotations,
    },
  };
}

// Turn all drawings with the one that is turned, each from as far away, in units of where it began.
function turnTogether(plots) {
  const camera = (plot) => plot.layout.scene.camera;
  const far = ({ eye }) => length([eye.x, eye.y, eye.z]);
  const began = new Map(plots.map((plot) => [plot, far(camera(plot))]));
  let turning = false;
  const follow = (plot, seen) => {
    turning = true;
    const others = plots.filter((other) => other !== plot);
    const moved = others.map((other) => {
      const factor = began.get(other) / began.get(plot);
      const eye = Object.fromEntries(Object.entries(seen.eye).map(([axis, value]) => [axis, factor * value]));
      return Plotly.relayout(other, { "scene.camera": { ...camera(other), up: seen.up, eye } });
    });
    Promise.all(moved).finally(() => {
      turning = false;
    });
  };
  for (const plot of plots) {
    for (const event of ["plotly_relayouting", "plotly_relayout"]) {
      plot.on(event, (change) => {
        const seen = change["scene.camera"];
        if (seen && !turning) {
          follow(plot, seen);
        }
      });
    }
  }
}

