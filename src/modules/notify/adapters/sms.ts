import { createHmac, randomBytes } from 'node:crypto'
import { z } from 'zod'
import { exchange } from '#kernel/http/exchange.ts'
import type { Clock } from '#kernel/time.ts'
import type { Delivery, NotifyPort } from '../ports.ts'

export interface SmsConfig {
  readonly clientId: string
  readonly secret: string
  readonly baseUrl: string
  /** Numbers the gateway gave our wordings; without one the wording itself is sent. */
  readonly templateIds?: Readonly<Record<string, string>>
}

const PATH = '/v1/messages'
const refusal = z.object({ code: z.string().max(100) })

/** SMS gateway: JSON over HTTP, HMAC-SHA256 over method, path, time, nonce and body. `out_id` makes a repetition harmless. */
export function smsGateway(config: SmsConfig, clock: Clock): NotifyPort {
  return {
    async send(message): Promise<Delivery> {
      const body = JSON.stringify({
        to: message.to,
        template: config.templateIds?.[message.template] ?? message.wording,
        params: message.params,
        out_id: message.outId,
      })
      const timestamp = String(Math.floor(clock.now().getTime() / 1000))
      const nonce = randomBytes(12).toString('hex')
      const signature = createHmac('sha256', config.secret).update(`POST\n${PATH}\n${timestamp}\n${nonce}\n${body}`).digest('hex')
      const answer = await exchange({
        method: 'POST',
        url: `${config.baseUrl}${PATH}`,
        headers: {
          'content-type': 'application/json',
          'x-client-id': config.clientId,
          'x-timestamp': timestamp,
          'x-nonce': nonce,
          'x-signature': signature,
        },
        body,
      })
      if (answer.kind === 'lost') return { kind: 'unknown', why: 'no answer' }
      if (answer.status >= 200 && answer.status < 300) return { kind: 'sent' }
      // 401 is our own key or clock: the message is not at fault and goes out once that is mended.
      if (answer.status === 400 || answer.status === 422) return { kind: 'rejected', why: reasonOf(answer.body) }
      return { kind: 'unknown', why: `status ${answer.status}` }
    },
  }
}

function reasonOf(body: Buffer): string {
  try {
    const parsed = refusal.safeParse(JSON.parse(body.toString('utf8')))
    return parsed.success ? parsed.data.code : 'refused'
  } catch {
    return 'refused'
  }
}
