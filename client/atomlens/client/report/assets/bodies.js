// Bodies: spheres and cylinders as triangles.

const COARSE = [[3000, 0], [400, 1], [60, 2]]; // from so many spheres on, so many subdivisions
const FINEST = 3;

// A sphere of radius 1: an icosahedron whose triangles are cut into four, again and again.
function icosphere(subdivisions) {
  const golden = (1 + Math.sqrt(5)) / 2;
  let points = [];
  for (const one of [-1, 1]) {
    for (const other of [-golden, golden]) {
      points.push([0, one, other], [one, other, 0], [other, 0, one]);
    }
  }
  points = points.map((point) => scaled(point, 1 / length(point)));
  let faces = nearestTriples(points);
  for (let round = 0; round < subdivisions; round += 1) {
    faces = subdivided(points, faces);
  }
  return { points, faces };
}

// The faces of an icosahedron: triples of points that are neighbours, counted round their outer side.
function nearestTriples(points) {
  const near = (a, b) => length(add(points[a], points[b], -1)) < 1.1;
  const faces = [];
  for (let i = 0; i < 12; i += 1) {
    for (let j = i + 1; j < 12; j += 1) {
      for (let k = j + 1; k < 12; k += 1) {
        if (near(i, j) && near(j, k) && near(i, k)) {
          const normal = cross(add(points[j], points[i], -1), add(points[k], points[i], -1));
          const outwards = dot(normal, points[i]) > 0;
          faces.push(outwards ? [i, j, k] : [i, k, j]);
        }
      }
    }
  }
  return faces;
}

function subdivided(points, faces) {
  const known = new Map();
  const middle = (a, b) => {
    const key = a < b ? `${a} ${b}` : `${b} ${a}`;
    if (!known.has(key)) {
      const point = add(points[a], points[b]);
      known.set(key, points.push(scaled(point, 1 / length(point))) - 1);
    }
    return known.get(key);
  };
  return faces.flatMap(([i, j, k]) => {
    const [ij, jk, ki] = [middle(i, j), middle(j, k), middle(k, i)];
    return [[i, ij, ki], [j, jk, ij], [k, ki, jk], [ij, jk, ki]];
  });
}

function emptyBody() {
  return { x: [], y: [], z: [], i: [], j: [], k: [], owners: [] };
}

function grow(body, points, faces, owner) {
  const first = body.x.length;
  for (const [x, y, z] of points) {
    body.x.push(x);
    body.y.push(y);
    body.z.push(z);
    body.owners.push(owner);
  }
  for (const [i, j, k] of faces) {
    body.i.push(first + i);
    body.j.push(first + j);
    body.k.push(first + k);
  }
}

// One body of many spheres, which remembers whose each point is; coarser the more there are.
function spheres(centers, radii) {
  const [, subdivisions] = COARSE.find(([count]) => centers.length >= count) ?? [0, FINEST];
  const unit = icosphere(subdivisions);
  const body = emptyBody();
  centers.forEach((center, owner) => {
    grow(body, unit.points.map((point) => add(center, point, radii[owner])), unit.faces, owner);
  });
  return body;
}

// One body of many cylinders without ends.
function cylinders(pairs, radius) {
  const sides = pairs.length > 400 ? 6 : 14;
  const body = emptyBody();
  pairs.forEach(([start, end], owner) => {
    const along = add(end, start, -1);
    const helper = Math.abs(along[0]) < 0.7 * length(along) ? [1, 0, 0] : [0, 1, 0];
    const first = scaled(cross(along, helper), 1 / length(cross(along, helper)));
    const second = scaled(cross(along, first), 1 / length(along));
    const points = [];
    const faces = [];
    for (let side = 0; side < sides; side += 1) {
      const angle = (2 * Math.PI * side) / sides;
      const outwards = add(scaled(first, radius * Math.cos(angle)), second, radius * Math.sin(angle));
      points.push(add(start, outwards), add(end, outwards));
      const [here, next] = [2 * side, 2 * ((side + 1) % sides)];
      faces.push([here, here + 1, next], [next, here + 1, next + 1]);
    }
    grow(body, points, faces, owner);
  });
  return body;
}

