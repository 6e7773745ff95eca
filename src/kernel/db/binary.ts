/**
 * Arrays in PostgreSQL's binary format (array_recv in src/backend/utils/adt/arrayfuncs.c), for statements where reading
 * them as text would be a good part of the work. The driver sends a Buffer as it is.
 */

/** Type numbers, fixed by the server's catalogue. */
const TYPE = { bytea: 17, bigint: 20, text: 25, timestamptz: 1184, uuid: 2950 } as const

const HEADER_BYTES = 20
const NULL = -1
/** Milliseconds from 1970 to 2000, where the server begins to count. */
const EPOCH_MS = 946_684_800_000n

/** One dimension, lower bound 1; every element is its length in four bytes and then itself. */
function arrayOf<T>(
  type: number,
  values: readonly (T | null)[],
  bytesOf: (value: T) => number,
  write: (into: Buffer, value: T, at: number, bytes: number) => void,
): Buffer {
  const lengths = values.map(value => (value === null ? NULL : bytesOf(value)))
  const size = lengths.reduce((sum, length) => sum + 4 + Math.max(0, length), HEADER_BYTES)
  const buffer = Buffer.allocUnsafe(size)
  const hasNull = lengths.includes(NULL)
  for (const [i, word] of [1, Number(hasNull), type, values.length, 1].entries()) buffer.writeInt32BE(word, i * 4)
  let at = HEADER_BYTES
  for (const [i, value] of values.entries()) {
    const length = lengths[i]!
    at = buffer.writeInt32BE(length, at)
    if (value === null) continue
    write(buffer, value, at, length)
    at += length
  }
  return buffer
}

function writeBigint(into: Buffer, value: number, at: number): void {
  if (!Number.isSafeInteger(value)) throw new RangeError(`not a safe integer: ${value}`)
  into.writeInt32BE(Math.floor(value / 2 ** 32), at)
  into.writeUInt32BE(value >>> 0, at + 4)
}

function writeUuid(into: Buffer, value: string, at: number): void {
  const written = value.length === 36 ? into.write(value.replaceAll('-', ''), at, 16, 'hex') : 0
  if (written !== 16) throw new TypeError(`not a uuid: ${value}`)
}

export const uuidArray = (values: readonly (string | null)[]): Buffer => arrayOf(TYPE.uuid, values, () => 16, writeUuid)

export const bigintArray = (values: readonly (number | null)[]): Buffer => arrayOf(TYPE.bigint, values, () => 8, writeBigint)

/** Instants to the millisecond. */
export const timestampArray = (values: readonly (Date | null)[]): Buffer =>
  arrayOf(
    TYPE.timestamptz,
    values,
    () => 8,
    (into, value, at) => into.writeBigInt64BE((BigInt(value.getTime()) - EPOCH_MS) * 1000n, at),
  )

export const textArray = (values: readonly (string | null)[]): Buffer =>
  arrayOf(TYPE.text, values, Buffer.byteLength, (into, value, at, bytes) => into.write(value, at, bytes, 'utf8'))

export const byteaArray = (values: readonly (Buffer | null)[]): Buffer =>
  arrayOf(
    TYPE.bytea,
    values,
    value => value.length,
    (into, value, at) => value.copy(into, at),
  )
