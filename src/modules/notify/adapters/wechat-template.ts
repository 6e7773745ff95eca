import { z } from 'zod'
import { exchange } from '#kernel/http/exchange.ts'
import type { Delivery, NotifyPort } from '../ports.ts'

export interface WechatTemplateConfig {
  /** https://api.weixin.qq.com, or a stand-in. */
  readonly baseUrl: string
  readonly accessToken: () => Promise<string>
  /** Template numbers of the service account by the name of our wording; a wording without one cannot be sent here. */
  readonly templateIds: Readonly<Record<string, string>>
}

const answerSchema = z.object({ errcode: z.int() })
/** Subscription ended, not a follower, wrong open id, template or data: saying it again changes nothing. */
const FINAL = new Set([40003, 40037, 43101, 43004, 47001, 47003])

/**
 * WeChat subscription messages. The protocol has no number of ours: a repetition after an unknown outcome may reach the
 * person twice, which for a message is better than never.
 */
export function wechatTemplate(config: WechatTemplateConfig): NotifyPort {
  return {
    async send(message): Promise<Delivery> {
      const templateId = config.templateIds[message.template]
      if (!templateId) return { kind: 'rejected', why: 'no template' }
      const token = await config.accessToken().catch(() => undefined)
      if (!token) return { kind: 'unknown', why: 'no access token' }
      const data = Object.fromEntries(Object.entries(message.params).map(([name, value]) => [name, { value }]))
      const answer = await exchange({
        method: 'POST',
        url: `${config.baseUrl}/cgi-bin/message/subscribe/send?access_token=${encodeURIComponent(token)}`,
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ touser: message.to, template_id: templateId, data }),
      })
      if (answer.kind === 'lost') return { kind: 'unknown', why: 'no answer' }
      const errcode = answer.status === 200 ? readErrcode(answer.body) : undefined
      if (errcode === 0) return { kind: 'sent' }
      if (errcode === undefined) return { kind: 'unknown', why: `status ${answer.status}` }
      return FINAL.has(errcode) ? { kind: 'rejected', why: `errcode ${errcode}` } : { kind: 'unknown', why: `errcode ${errcode}` }
    },
  }
}

function readErrcode(body: Buffer): number | undefined {
  try {
    return answerSchema.safeParse(JSON.parse(body.toString('utf8'))).data?.errcode
  } catch {
    return undefined
  }
}
