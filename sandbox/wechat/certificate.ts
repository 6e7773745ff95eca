import { createPrivateKey, createPublicKey, sign } from 'node:crypto'

/** Just enough DER to issue a self-signed RSA certificate: the stand-in hands out real ones. */
function der(tag: number, ...parts: Buffer[]): Buffer {
  const body = Buffer.concat(parts)
  if (body.length < 128) return Buffer.concat([Buffer.from([tag, body.length]), body])
  const size = Buffer.alloc(4)
  size.writeUInt32BE(body.length)
  const digits = size.subarray(size.findIndex(byte => byte !== 0))
  return Buffer.concat([Buffer.from([tag, 0x80 | digits.length]), digits, body])
}
const SEQUENCE = 0x30
const SHA256_RSA = der(SEQUENCE, Buffer.from('06092a864886f70d01010b0500', 'hex'))
const COMMON_NAME = Buffer.from('0603550403', 'hex')

const utcTime = (at: Date): Buffer => der(0x17, Buffer.from(`${at.toISOString().slice(2, 19).replace(/[-:T]/g, '')}Z`))

/** PEM certificate for a PEM key pair; `serialHex` must start with a digit below 8 so that it stays positive. */
export function selfSigned(
  commonName: string,
  serialHex: string,
  pair: { publicKeyPem: string; privateKeyPem: string },
  from: Date,
  until: Date,
): string {
  const name = der(SEQUENCE, der(0x31, der(SEQUENCE, COMMON_NAME, der(0x0c, Buffer.from(commonName)))))
  const tbs = der(
    SEQUENCE,
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.from(serialHex, 'hex')),
    SHA256_RSA,
    name,
    der(SEQUENCE, utcTime(from), utcTime(until)),
    name,
    createPublicKey(pair.publicKeyPem).export({ type: 'spki', format: 'der' }),
  )
  const signature = sign('RSA-SHA256', tbs, createPrivateKey(pair.privateKeyPem))
  const certificate = der(SEQUENCE, tbs, SHA256_RSA, der(0x03, Buffer.from([0]), signature))
  const lines = certificate.toString('base64').match(/.{1,64}/g) ?? []
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`
}
