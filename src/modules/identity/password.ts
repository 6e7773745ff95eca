import { argon2, randomBytes, timingSafeEqual } from 'node:crypto'

// OWASP's second choice for argon2id: 19 MiB, two passes, one lane; about 50 ms, off the event loop.
const COST = { memory: 19_456, passes: 2, parallelism: 1, tagLength: 32 }

const derive = (password: string, nonce: Buffer, cost: typeof COST): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    argon2('argon2id', { message: password.normalize('NFC'), nonce, ...cost }, (error, key) => (error ? reject(error) : resolve(key)))
  })

/** `argon2id$memory$passes$lanes$salt$key`, salt and key in base64. */
export async function hashPassword(password: string): Promise<string> {
  const nonce = randomBytes(16)
  const key = await derive(password, nonce, COST)
  return ['argon2id', COST.memory, COST.passes, COST.parallelism, nonce.toString('base64'), key.toString('base64')].join('$')
}

/** A hash nothing matches: an unknown account costs the same time as a known one, a voided password opens nothing. */
export const NO_PASSWORD = [
  'argon2id',
  COST.memory,
  COST.passes,
  COST.parallelism,
  Buffer.alloc(16, 1).toString('base64'),
  Buffer.alloc(32).toString('base64'),
].join('$')

export async function isPassword(password: string, stored: string = NO_PASSWORD): Promise<boolean> {
  const [, memory, passes, parallelism, nonce, key] = stored.split('$')
  const expected = Buffer.from(key!, 'base64')
  const cost = { memory: Number(memory), passes: Number(passes), parallelism: Number(parallelism), tagLength: expected.length }
  return timingSafeEqual(await derive(password, Buffer.from(nonce!, 'base64'), cost), expected)
}
