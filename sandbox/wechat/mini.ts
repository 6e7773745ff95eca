import { createHash, randomBytes } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import type { WechatDesk } from './desk.ts'
import { believed } from './parameters.ts'

const CODES_MAX = 10_000

/** What the app does for a mini programme: `wx.login`, `wx.requestPayment`; and what its server asks, `code2Session`. */
export function serveMini(app: FastifyInstance, desk: WechatDesk, mini: { appid: string; secret: string }, now: () => Date): void {
  const codes = new Map<string, string>()
  app.post('/wallet/mini-login', async request => {
    const { person = randomBytes(12).toString('hex') } = (request.body ?? {}) as { person?: string }
    const code = randomBytes(16).toString('hex')
    if (codes.size >= CODES_MAX) codes.clear()
    codes.set(code, `o${createHash('sha256').update(`${mini.appid}:${person}`).digest('base64url').slice(0, 27)}`)
    return { code }
  })
  app.get('/sns/jscode2session', async (request, reply) => {
    const { appid, secret, grant_type: grant, js_code: code = '' } = request.query as Record<string, string | undefined>
    if (appid !== mini.appid) return reply.send({ errcode: 40013, errmsg: 'invalid appid' })
    if (secret !== mini.secret) return reply.send({ errcode: 40125, errmsg: 'invalid appsecret' })
    if (grant !== 'authorization_code') return reply.send({ errcode: 40002, errmsg: 'invalid grant_type' })
    const openid = codes.get(code)
    codes.delete(code)
    if (!openid) return reply.send({ errcode: 40029, errmsg: 'invalid code' })
    return { openid, session_key: randomBytes(16).toString('base64') }
  })
  // The app knows which mini programme runs: the parameters do not say it, the signature covers it.
  app.post('/wallet/mini-pay', async (request, reply) => {
    const { params = {}, answer = 'pay' } = (request.body ?? {}) as { params?: Record<string, unknown>; answer?: string }
    const of = (name: string): string => (typeof params[name] === 'string' ? params[name] : '')
    const said = (word: string) => reply.send({ errMsg: `requestPayment:${word}` })
    const trade = believed(desk, mini.appid, of, now())
    if (trade?.product !== 'mini') return said('fail')
    if (answer !== 'pay') return said('fail cancel')
    return said(desk.pay(trade.outTradeNo).kind === 'refused' ? 'fail' : 'ok')
  })
}
