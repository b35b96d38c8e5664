/** Arrays: numbers as the little-endian bytes that go over the wire, whatever the machine's own order is. */

export const float64s = (values) => packed(values, 8, (buffer, value, at) => buffer.writeDoubleLE(value, at));
export const int32s = (values) => packed(values, 4, (buffer, value, at) => buffer.writeInt32LE(value, at));
export const uint64s = (values) => packed(values, 8, (buffer, value, at) => buffer.writeBigUInt64LE(BigInt(value), at));
export const uint8s = (values) => Buffer.from(values);

export const readFloat64s = (buffer) => read(buffer, 8, (at) => buffer.readDoubleLE(at));
export const readFloat32s = (buffer) => read(buffer, 4, (at) => buffer.readFloatLE(at));
export const readInt32s = (buffer) => read(buffer, 4, (at) => buffer.readInt32LE(at));
export const readUint64s = (buffer) => read(buffer, 8, (at) => buffer.readBigUInt64LE(at));

function packed(values, width, write) {
  const buffer = Buffer.alloc(width * values.length);
  values.forEach((value, index) => write(buffer, value, width * index));
  return buffer;
}

function read(buffer, width, at) {
  return Array.from({ length: buffer.length / width }, (_, index) => at(width * index));
}
