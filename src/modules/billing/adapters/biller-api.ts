import { createHmac, randomBytes } from 'node:crypto'
import { z } from 'zod'
import { exchange } from '#kernel/http/exchange.ts'
import type { Clock } from '#kernel/time.ts'
import type { BillerPort, PostingAnswer } from '../ports.ts'

export interface BillerApiConfig {
  readonly clientId: string
  readonly secret: string
  readonly baseUrl: string
}

const answerSchema = z.object({ state: z.enum(['POSTED', 'REJECTED', 'REVERSED']), reason: z.string().max(200).optional() })

/** The posting interface we ask billers to offer: JSON over HTTP, HMAC-SHA256 over method, path, time, nonce and body. */
export function billerApi(config: BillerApiConfig, clock: Clock): BillerPort {
  const call = async (method: 'GET' | 'POST', path: string, body?: unknown): Promise<PostingAnswer> => {
    const text = body === undefined ? '' : JSON.stringify(body)
    const timestamp = String(Math.floor(clock.now().getTime() / 1000))
    const nonce = randomBytes(12).toString('hex')
    const signature = createHmac('sha256', config.secret).update(`${method}\n${path}\n${timestamp}\n${nonce}\n${text}`).digest('hex')
    const answer = await exchange({
      method,
      url: `${config.baseUrl}${path}`,
      headers: {
        'content-type': 'application/json',
        'x-client-id': config.clientId,
        'x-timestamp': timestamp,
        'x-nonce': nonce,
        'x-signature': signature,
      },
      ...(text && { body: text }),
    })
    if (answer.kind === 'lost') return { kind: 'unknown', why: answer.why }
    if (answer.status === 404) return { kind: 'missing' }
    if (answer.status < 200 || answer.status > 299) return { kind: 'unknown', why: `status ${answer.status}` }
    const parsed = answerSchema.safeParse(parse(answer.body))
    if (!parsed.success) return { kind: 'unknown', why: 'answer not understood' }
    const { state, reason } = parsed.data
    return state === 'POSTED'
      ? { kind: 'posted' }
      : state === 'REVERSED'
        ? { kind: 'reversed' }
        : { kind: 'rejected', reason: reason ?? 'no reason given' }
  }
  return {
    post: r =>
      call('POST', '/v1/postings', {
        posting_no: r.postingNo,
        bill_no: r.billNo,
        account_no: r.accountNo,
        amount_fen: r.amountFen,
        paid_at: r.paidAt.toISOString(),
      }),
    query: no => call('GET', `/v1/postings/${encodeURIComponent(no)}`),
    reverse: no => call('POST', `/v1/postings/${encodeURIComponent(no)}/reverse`, {}),
  }
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'))
  } catch {
    return undefined
  }
}
