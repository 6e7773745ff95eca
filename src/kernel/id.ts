import type { Random } from './random.ts'
import type { Clock } from './time.ts'

const HEX = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0'))

/** UUID version 7 (RFC 9562): 48 bits of milliseconds, 74 random bits. Ordered by time, made by the application. */
export function newId(clock: Clock, random: Random): string {
  const b = random.bytes(16)
  const ms = clock.now().getTime()
  b.writeUIntBE(ms, 0, 6)
  b[6] = (b[6]! & 0x0f) | 0x70
  b[8] = (b[8]! & 0x3f) | 0x80
  const h = (i: number) => HEX[b[i]!]!
  return `${h(0)}${h(1)}${h(2)}${h(3)}-${h(4)}${h(5)}-${h(6)}${h(7)}-${h(8)}${h(9)}-${h(10)}${h(11)}${h(12)}${h(13)}${h(14)}${h(15)}`
}

/** The lowest identifier of an instant: identifiers grow with time, so a span of time is a range of them. */
export function firstIdAt(at: Date): string {
  const ms = at.getTime().toString(16).padStart(12, '0')
  return `${ms.slice(0, 8)}-${ms.slice(8)}-7000-8000-000000000000`
}

const CROCKFORD = '0123456789abcdefghjkmnpqrstvwxyz'

/** Unguessable code in Crockford base 32, lower case; 26 characters for the default 128 bits. */
export function newCode(random: Random, bits = 128): string {
  const bytes = random.bytes(Math.ceil(bits / 8))
  return encodeBase32(bytes).slice(0, Math.ceil(bits / 5))
}

/** Crockford base 32 of a byte string, most significant bit first. */
export function encodeBase32(bytes: Uint8Array): string {
  let out = ''
  let held = 0
  let bits = 0
  for (const byte of bytes) {
    held = (held << 8) | byte
    bits += 8
    while (bits >= 5) {
      bits -= 5
      out += CROCKFORD[(held >> bits) & 31]
    }
    held &= (1 << bits) - 1
  }
  return bits > 0 ? out + CROCKFORD[(held << (5 - bits)) & 31] : out
}

/** The bytes of a text `encodeBase32` wrote; undefined for a strange letter or when the bits left over are not zero. */
export function decodeBase32(text: string): Buffer | undefined {
  const bytes = Buffer.alloc((text.length * 5) >> 3)
  let at = 0
  let held = 0
  let bits = 0
  for (const letter of text) {
    const value = CROCKFORD.indexOf(letter)
    if (value < 0) return undefined
    held = (held << 5) | value
    bits += 5
    if (bits >= 8) {
      bits -= 8
      bytes[at++] = held >> bits
      held &= (1 << bits) - 1
    }
  }
  return held === 0 ? bytes : undefined
}

export const isUuid = (text: string): boolean => /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/.test(text)
