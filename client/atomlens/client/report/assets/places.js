// Places: where probes were, as triangles or as points: surfaces, slices of a grid, lists of points.

const surfaces = data.meshes.map((mesh, index) => {
  const points = triples(unpack(mesh.vertices)).map((point) => add(point, mesh.origin));
  const faces = triples(unpack(mesh.faces));
  const label = pictures.meshes[index];
  return { key: `surface ${index}`, source: `mesh ${index}`, label, steps: 0, at: () => ({ points, faces, name: label }) };
});

const cuts = data.maps.flatMap(({ grid, points }, index) => {
  const source = `map ${index}`;
  if (!grid) {
    const rows = triples(unpack(points));
    return [{ key: source, source, label: "points", steps: 0, at: () => ({ points: rows, faces: [], name: "the points" }) }];
  }
  return flatAxes(grid).map((axis) => {
    const label = `${axisName(grid, axis)} slice`;
    const at = (step) => slice(grid, axis, step);
    return { key: `slice ${index} ${axis}`, source, label, steps: grid.counts[axis], first: nearest(grid, axis), at };
  });
});

const places = [...surfaces, ...cuts];

// The axes whose slices are planes; of a grid that is one row of points the axis across it.
function flatAxes({ counts }) {
  const planes = [2, 1, 0].filter((axis) => counts.every((count, other) => other === axis || count > 1));
  return planes.length ? planes : [counts.indexOf(Math.min(...counts))];
}

function isAligned({ axes }) {
  return axes.every((vector, place) => vector.every((value, axis) => axis === place || value === 0));
}

function axisName(grid, axis) {
  return (isAligned(grid) ? "xyz" : "abc")[axis];
}

// The step along an axis that is nearest to the middle of the atoms.
function nearest(grid, axis) {
  const center = [0, 1, 2].map((part) => middle(column(positions, part)));
  const normal = cross(grid.axes[(axis + 1) % 3], grid.axes[(axis + 2) % 3]);
  const step = dot(add(center, grid.origin, -1), normal) / dot(grid.axes[axis], normal);
  return Math.min(grid.counts[axis] - 1, Math.max(0, Math.round(step)));
}

// The points of one layer of a grid as triangles, and which values they have.
function slice(grid, axis, step) {
  const [first, second] = [0, 1, 2].filter((other) => other !== axis);
  const [rows, columns] = [grid.counts[first], grid.counts[second]];
  const strides = [grid.counts[1] * grid.counts[2], grid.counts[2], 1];
  const start = add(grid.origin, grid.axes[axis], step);
  const [points, indices, faces] = [[], [], []];
  for (let i = 0; i < rows; i += 1) {
    for (let j = 0; j < columns; j += 1) {
      points.push(add(add(start, grid.axes[first], i), grid.axes[second], j));
      indices.push(step * strides[axis] + i * strides[first] + j * strides[second]);
      if (i && j) {
        const corner = i * columns + j;
        faces.push([corner, corner - 1, corner - columns], [corner - 1, corner - columns - 1, corner - columns]);
      }
    }
  }
  const letter = axisName(grid, axis);
  const name = isAligned(grid) ? `${letter} = ${decimals(start[axis], 2)} Å` : `step ${step} along ${letter}`;
  return { points, faces, indices, name };
}

