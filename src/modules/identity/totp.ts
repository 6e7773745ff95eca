import { createHmac, timingSafeEqual } from 'node:crypto'

const STEP_S = 30
const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

/** RFC 4648 base 32 without padding, as authenticator applications expect it. */
export function base32(bytes: Uint8Array): string {
  const bits = Array.from(bytes, byte => byte.toString(2).padStart(8, '0')).join('')
  return (bits.match(/.{1,5}/g) ?? []).map(part => BASE32[Number.parseInt(part.padEnd(5, '0'), 2)]).join('')
}

export const stepOf = (at: Date): number => Math.floor(at.getTime() / 1000 / STEP_S)

/** RFC 6238 with SHA-1 and six digits, what every authenticator knows. */
export function totp(secret: Uint8Array, step: number): string {
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(step))
  const mac = createHmac('sha1', secret).update(counter).digest()
  const at = mac[19]! & 15
  return String((mac.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, '0')
}

/** The step a code belongs to: now or one beside it, and later than the last one used. Undefined when the code does not hold. */
export function findStep(secret: Uint8Array, code: string, at: Date, lastStep: number): number | undefined {
  const now = stepOf(at)
  return [now - 1, now, now + 1].find(step => {
    const same = code.length === 6 && timingSafeEqual(Buffer.from(totp(secret, step)), Buffer.from(code))
    return same && step > lastStep
  })
}

export const otpauthUrl = (secret: Uint8Array, username: string): string =>
  `otpauth://totp/Yimen:${encodeURIComponent(username)}?secret=${base32(secret)}&issuer=Yimen&digits=6&period=${STEP_S}`
