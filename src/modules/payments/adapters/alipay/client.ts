import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import { CALL_MS_MAX, exchange } from '#kernel/http/exchange.ts'
import { renderLocalTime } from '../decimal.ts'
import { type Fields, parseFields, textOf } from '../shape.ts'
import { isSigned, type Parameters, rawNode, signedText, signText } from './crypto.ts'

export interface AlipayConfig {
  appId: string
  /** The merchant's own user number, '2088...': notifications for others are refused. */
  sellerId: string
  appPrivateKeyPem: string
  /** Several are live while keys are switched. */
  alipayPublicKeyPems: readonly string[]
  /** 'https://openapi.alipay.com/gateway.do' or a stand-in. */
  gatewayUrl: string
}

export interface AlipayKeys {
  privateKey: KeyObject
  platform: readonly KeyObject[]
}

/** Throws on keys of the wrong kind: a wrong configuration must stop the start. */
export function readKeys(config: AlipayConfig): AlipayKeys {
  const platform = config.alipayPublicKeyPems.map(pem => createPublicKey(pem))
  if (platform.length === 0) throw new RangeError('alipay: at least one public key of the channel is needed')
  const privateKey = createPrivateKey(config.appPrivateKeyPem)
  if ([...platform, privateKey].some(key => key.asymmetricKeyType !== 'rsa')) throw new RangeError('alipay: keys must be RSA')
  return { privateKey, platform }
}

/** `lost`: anything without the channel's signature. */
export type Reply = { kind: 'said'; code: string; subCode: string; message: string; fields: Fields } | { kind: 'lost'; why: string }

/** All parameters of one call, signed; `extra` holds addresses that stand outside the business content. */
export function signedParameters(
  config: AlipayConfig,
  keys: AlipayKeys,
  method: string,
  content: object,
  extra: Parameters,
  now: Date,
): Parameters {
  const parameters: Parameters = {
    app_id: config.appId,
    method,
    format: 'JSON',
    charset: 'utf-8',
    sign_type: 'RSA2',
    timestamp: renderLocalTime(now),
    version: '1.0',
    biz_content: JSON.stringify(content),
  }
  for (const [name, value] of Object.entries(extra)) if (value !== '') parameters[name] = value
  parameters.sign = signText(keys.privateKey, signedText(parameters))
  return parameters
}

export async function callGateway(
  config: AlipayConfig,
  keys: AlipayKeys,
  method: string,
  content: object,
  extra: Parameters,
  now: Date,
  wait_ms_max = CALL_MS_MAX,
): Promise<Reply> {
  const answer = await exchange({
    method: 'POST',
    // The gateway reads the charset before the body.
    url: `${config.gatewayUrl}?charset=utf-8`,
    headers: { 'Content-Type': 'application/x-www-form-urlencoded;charset=utf-8' },
    body: new URLSearchParams(signedParameters(config, keys, method, content, extra, now)).toString(),
    wait_ms_max,
  })
  if (answer.kind === 'lost') return answer
  if (answer.status !== 200) return { kind: 'lost', why: `status ${answer.status}` }
  return readReply(answer.body.toString(), method, keys)
}

function readReply(text: string, method: string, keys: AlipayKeys): Reply {
  const raw = rawNode(text, `${method.replaceAll('.', '_')}_response`) ?? rawNode(text, 'error_response')
  const signature = textOf(parseFields(text), 'sign')
  if (!raw || !signature) return { kind: 'lost', why: 'answer without node or signature' }
  if (!isSigned(keys.platform, raw, signature)) return { kind: 'lost', why: 'signature_bad' }
  const fields = parseFields(raw)
  const code = textOf(fields, 'code')
  if (!fields || !code) return { kind: 'lost', why: 'answer without code' }
  return {
    kind: 'said',
    code,
    subCode: (textOf(fields, 'sub_code') ?? '').replace(/^aop\./, ''),
    message: textOf(fields, 'sub_msg') ?? textOf(fields, 'msg') ?? '',
    fields,
  }
}
