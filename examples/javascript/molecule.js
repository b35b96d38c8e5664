/** Molecules: read from XYZ files, and packed one after another into a batch. */

import { float64s, int32s, uint8s } from "./arrays.js";

const SYMBOLS = ["", "H", "He", "Li", "Be", "B", "C", "N", "O", "F", "Ne"];

/** Return the atomic numbers and positions of the first molecule in an XYZ file. */
export function readXyz(text) {
  const lines = text.split("\n");
  const atoms = lines.slice(2, 2 + Number(lines[0])).map((line) => line.trim().split(/\s+/));
  return {
    numbers: atoms.map(([symbol]) => SYMBOLS.indexOf(symbol)),
    positions: atoms.map(([, ...position]) => position.slice(0, 3).map(Number)),
  };
}

/** Return the message `Structures` of a batch; what no molecule needs is left out. */
export function pack(molecules) {
  return {
    counts: int32s(molecules.map(({ numbers }) => numbers.length)),
    numbers: uint8s(molecules.flatMap(({ numbers }) => numbers)),
    positions: float64s(molecules.flatMap(({ positions }) => positions.flat())),
  };
}

/** Cut an array over all atoms into those of each molecule. */
export function cut(values, counts) {
  let first = 0;
  return counts.map((count) => values.slice(first, (first += count)));
}
