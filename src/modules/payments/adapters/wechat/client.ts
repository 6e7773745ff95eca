import { type Answer, CALL_MS_MAX, exchange } from '#kernel/http/exchange.ts'
import { type Fields, parseFields, textOf } from '../shape.ts'
import type { WechatConfig, WechatKeys } from './config.ts'
import { authorize, findSignatureFault } from './crypto.ts'

/** `said`: the channel's own signed words. `lost`: anything we cannot trust, including an unsigned error page of a proxy. */
export type Reply = { kind: 'said'; status: number; fields: Fields; code: string; message: string } | { kind: 'lost'; why: string }

export interface WechatClient {
  call(method: 'GET' | 'POST', target: string, body?: object): Promise<Reply>
  /** The bill download carries no signature of the channel: compare its SHA1 with the signed hash. */
  download(url: string, wait_ms_max: number, answer_bytes_max: number): Promise<Answer>
}

/** Signs requests and believes only answers signed by a known platform key. */
export function wechatClient(config: WechatConfig, keys: WechatKeys, now: () => Date, wait_ms_max = CALL_MS_MAX): WechatClient {
  const headersFor = (method: string, target: string, text: string): Record<string, string> => ({
    Authorization: authorize(keys.credential, method, target, text, now()),
    Accept: 'application/json',
    'User-Agent': 'yimen',
    ...(text && { 'Content-Type': 'application/json' }),
    ...(keys.preferredSerial && { 'Wechatpay-Serial': keys.preferredSerial }),
  })
  return {
    async call(method, target, body) {
      const text = body ? JSON.stringify(body) : ''
      const answer = await exchange({
        method,
        url: config.baseUrl + target,
        headers: headersFor(method, target, text),
        body: text || undefined,
        wait_ms_max,
      })
      return answer.kind === 'lost' ? answer : readReply(answer, keys, now())
    },
    async download(url, patience, bytes_max) {
      const parsed = new URL(url)
      const target = parsed.pathname + parsed.search
      return exchange({ method: 'GET', url, headers: headersFor('GET', target, ''), wait_ms_max: patience, answer_bytes_max: bytes_max })
    },
  }
}

function readReply(answer: Extract<Answer, { kind: 'answer' }>, keys: WechatKeys, now: Date): Reply {
  const header = (name: string) => answer.headers.get(name) ?? undefined
  const fault = findSignatureFault(
    keys.platform,
    {
      timestamp: header('wechatpay-timestamp'),
      nonce: header('wechatpay-nonce'),
      serial: header('wechatpay-serial'),
      signature: header('wechatpay-signature'),
    },
    answer.body,
    now,
  )
  if (fault) return { kind: 'lost', why: `status ${answer.status}, ${fault}` }
  const fields = answer.body.length === 0 ? {} : parseFields(answer.body.toString())
  if (!fields) return { kind: 'lost', why: `status ${answer.status}, not a JSON object` }
  return { kind: 'said', status: answer.status, fields, code: textOf(fields, 'code') ?? '', message: textOf(fields, 'message') ?? '' }
}
