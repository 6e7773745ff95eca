import { type BreakerState, createBreaker } from './breaker.ts'

/** Every outside call has a stated time-out and a bounded answer. */
export const CALL_MS_MAX = 5_000
export const ANSWER_BYTES_MAX = 256 * 1024
export const STATEMENT_MS_MAX = 120_000
export const STATEMENT_BYTES_MAX = 512 * 1024 * 1024

export interface Call {
  method: 'GET' | 'POST' | 'PUT'
  url: string
  headers: Record<string, string>
  body?: string | Buffer<ArrayBuffer>
  wait_ms_max?: number
  answer_bytes_max?: number
}

/**
 * `lost`: time-out, connection trouble or an answer too long; the other side may or may not have acted. A host that has
 * failed several times in a row is left alone for a while: those calls are lost at once.
 */
export type Answer = { kind: 'answer'; status: number; headers: Headers; body: Buffer } | { kind: 'lost'; why: string }

const breaker = createBreaker(() => performance.now())

/** Hosts this process calls, and which of them it leaves alone at present. */
export const listBreakers = (): BreakerState[] => breaker.list()

/** Answers of a gateway in front of a host that is away. */
const AWAY = new Set([502, 503, 504])

/** One HTTP exchange without retries or redirects. Never throws. */
export async function exchange(call: Call): Promise<Answer> {
  const { host } = new URL(call.url)
  if (!breaker.admits(host)) return { kind: 'lost', why: 'left alone after failures' }
  const answer = await send(call)
  breaker.note(host, answer.kind === 'lost' || AWAY.has(answer.status) ? 'failed' : 'answered')
  return answer
}

async function send(call: Call): Promise<Answer> {
  try {
    const response = await fetch(call.url, {
      method: call.method,
      headers: call.headers,
      body: call.body,
      redirect: 'manual',
      signal: AbortSignal.timeout(call.wait_ms_max ?? CALL_MS_MAX),
    })
    const body = await readBounded(response, call.answer_bytes_max ?? ANSWER_BYTES_MAX)
    if (!body) return { kind: 'lost', why: 'answer too long' }
    return { kind: 'answer', status: response.status, headers: response.headers, body }
  } catch (error) {
    return { kind: 'lost', why: describe(error) }
  }
}

async function readBounded(response: Response, bytes_max: number): Promise<Buffer | undefined> {
  if (!response.body) return Buffer.alloc(0)
  const parts: Uint8Array[] = []
  let total = 0
  // Leaving the loop early cancels the stream, so a hostile sender cannot keep us reading.
  for await (const part of response.body) {
    total += part.byteLength
    if (total > bytes_max) return undefined
    parts.push(part)
  }
  return Buffer.concat(parts, total)
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return 'connection failed'
  const cause = error.cause instanceof Error ? `: ${error.cause.message}` : ''
  return `${error.name} ${error.message}${cause}`.slice(0, 300)
}
