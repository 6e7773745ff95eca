import { CALL_MS_MAX, exchange } from '#kernel/http/exchange.ts'
import type { PayerSignIn } from '../../ports.ts'
import { parseFields, textOf } from '../shape.ts'
import type { WechatConfig } from './config.ts'

const OPEN_URL = 'https://open.weixin.qq.com'
const API_URL = 'https://api.weixin.qq.com'
const OPENID = /^[\w-]{6,64}$/
const CODE = /^[\w-]{6,128}$/

/**
 * Sign-in inside WeChat with the smallest scope, which asks the person nothing and tells the openid alone.
 * Source: developers.weixin.qq.com, 网页授权. These answers carry no signature: the code is single use and the
 * connection is ours.
 */
export function payerSignIn(config: WechatConfig, secret: string, wait_ms_max = CALL_MS_MAX): PayerSignIn {
  const who = { appid: config.appid, secret }
  return {
    account: config.appid,
    addressOf(returnUrl, state) {
      const query = new URLSearchParams({
        appid: config.appid,
        redirect_uri: returnUrl,
        response_type: 'code',
        scope: 'snsapi_base',
        state,
      })
      return `${config.openUrl ?? OPEN_URL}/connect/oauth2/authorize?${query}#wechat_redirect`
    },
    readPayer: code =>
      askOpenid(
        config,
        `/sns/oauth2/access_token?${new URLSearchParams({ ...who, code, grant_type: 'authorization_code' })}`,
        code,
        wait_ms_max,
      ),
  }
}

/** Sign-in of the mini programme: the code its shell got by wx.login. Source: developers.weixin.qq.com, code2Session. */
export function miniSignIn(
  config: WechatConfig,
  { appid, secret }: NonNullable<WechatConfig['mini']>,
  wait_ms_max = CALL_MS_MAX,
): Pick<PayerSignIn, 'account' | 'readPayer'> {
  return {
    account: appid,
    readPayer: code => {
      const query = new URLSearchParams({ appid, secret, js_code: code, grant_type: 'authorization_code' })
      return askOpenid(config, `/sns/jscode2session?${query}`, code, wait_ms_max)
    },
  }
}

async function askOpenid(config: WechatConfig, path: string, code: string, wait_ms_max: number): ReturnType<PayerSignIn['readPayer']> {
  if (!CODE.test(code)) return { kind: 'refused', code: 'CODE_MALFORMED', message: 'not a code of the channel' }
  const answer = await exchange({
    method: 'GET',
    url: `${config.apiUrl ?? API_URL}${path}`,
    headers: { Accept: 'application/json', 'User-Agent': 'yimen' },
    wait_ms_max,
  })
  if (answer.kind === 'lost') return { kind: 'unknown', why: 'no answer' }
  const fields = parseFields(answer.body.toString())
  const openid = textOf(fields, 'openid')
  if (openid && OPENID.test(openid)) return { kind: 'known', openid }
  const refusal = fields?.errcode
  return typeof refusal === 'number'
    ? { kind: 'refused', code: String(refusal), message: textOf(fields, 'errmsg')?.slice(0, 100) ?? '' }
    : { kind: 'unknown', why: `status ${answer.status} without an openid` }
}
