import { createHash, randomBytes } from 'node:crypto'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { type Brand, donePage, page, payPage, unpaidPage } from '../common/page.ts'
import type { WechatDesk } from './desk.ts'
import type { WechatMerchantFile } from './keys.ts'
import { serveMini } from './mini.ts'
import { believed } from './parameters.ts'

const BRAND: Brand = { name: '微信支付演示钱包', english: 'WeChat Pay stand-in wallet', colour: '#06743c', root: '/wallet' }
const MERCHANT = '一门社区服务'
const CODES_MAX = 10_000

type Query = Record<string, string | undefined>

/** What a person sees: the payment page, the list standing in for the camera, and sign-in inside the app. */
export function serveWallet(
  app: FastifyInstance,
  desk: WechatDesk,
  merchant: Pick<WechatMerchantFile, 'appSecret' | 'mini'>,
  now: () => Date,
): void {
  const html = (reply: FastifyReply, status: number, text: string) => reply.status(status).type('text/html; charset=utf-8').send(text)
  const missing = (reply: FastifyReply) =>
    html(
      reply,
      404,
      page(BRAND, '找不到这笔订单', '<p class="hint">English: no such order.</p><a class="button" href="/wallet">待付款列表</a>'),
    )

  for (const product of ['h5', 'native', 'jsapi']) {
    app.get(`/wallet/${product}`, async (request, reply) => {
      const query = request.query as Query
      const handle = query.handle ?? query.prepay ?? query.prepay_id ?? query.code_url?.split('pr=')[1] ?? ''
      const trade = desk.book.findByHandle(handle)
      return trade
        ? html(reply, 200, payPage(BRAND, MERCHANT, trade, query.redirect_url ?? '', now(), desk.book.offered()))
        : missing(reply)
    })
  }
  app.get('/wallet', async (_request, reply) => html(reply, 200, unpaidPage(BRAND, desk.book.list(), now())))
  app.get('/', async (_request, reply) => reply.redirect('/wallet', 303))

  app.post('/wallet/pay', async (request, reply) => {
    const form = request.body as Query
    const trade = desk.book.findByHandle(form.handle ?? '')
    if (!trade) return missing(reply)
    const result = desk.pay(trade.outTradeNo)
    if (result.kind === 'refused') return html(reply, 409, payPage(BRAND, MERCHANT, trade, form.redirect_url ?? '', now()))
    return form.redirect_url ? reply.redirect(form.redirect_url, 303) : html(reply, 200, donePage(BRAND, true, trade.amountFen))
  })
  app.post('/wallet/cancel', async (request, reply) => {
    const form = request.body as Query
    const trade = desk.book.findByHandle(form.handle ?? '')
    if (!trade) return missing(reply)
    return form.redirect_url ? reply.redirect(form.redirect_url, 303) : html(reply, 200, donePage(BRAND, false, trade.amountFen))
  })
  serveBridge(app, desk, now)
  serveSignIn(app, desk, merchant.appSecret)
  serveMini(app, desk, merchant.mini, now)
}

/**
 * What the app does when a page calls `WeixinJSBridge.invoke('getBrandWCPayRequest', …)`: it believes the merchant's
 * signature over the parameters, shows its sheet, and tells the page one line. `bridge.ts` is the side of the page.
 */
function serveBridge(app: FastifyInstance, desk: WechatDesk, now: () => Date): void {
  const said = (word: string) => ({ err_msg: `get_brand_wcpay_request:${word}` })
  app.post('/wallet/bridge', async (request, reply) => {
    const { params = {}, answer = 'pay' } = (request.body ?? {}) as { params?: Record<string, unknown>; answer?: string }
    const of = (name: string): string => (typeof params[name] === 'string' ? params[name] : '')
    const trade = of('appId') === desk.signer.appid ? believed(desk, of('appId'), of, now()) : undefined
    if (trade?.product !== 'jsapi') return reply.send(said('fail'))
    if (answer !== 'pay') return reply.send(said('cancel'))
    return reply.send(said(desk.pay(trade.outTradeNo).kind === 'refused' ? 'fail' : 'ok'))
  })
}

/** OAuth inside the app: the browser keeps one openid in a cookie, so a person stays the same. */
function serveSignIn(app: FastifyInstance, desk: WechatDesk, appSecret: string): void {
  const codes = new Map<string, string>()
  app.get('/connect/oauth2/authorize', async (request, reply) => {
    const query = request.query as Query
    if (query.appid !== undefined && query.appid !== desk.signer.appid)
      return reply.status(400).send({ errcode: 40013, errmsg: 'invalid appid' })
    if (!query.redirect_uri) return reply.status(400).send({ errcode: 10003, errmsg: 'redirect_uri' })
    const known = /(?:^|; )sandbox_person=([0-9a-f]{24})/.exec(request.headers.cookie ?? '')?.[1]
    const person = known ?? randomBytes(12).toString('hex')
    const code = randomBytes(16).toString('hex')
    if (codes.size >= CODES_MAX) codes.clear()
    codes.set(code, `o${createHash('sha256').update(`${desk.signer.appid}:${person}`).digest('base64url').slice(0, 27)}`)
    const target = new URL(query.redirect_uri)
    target.searchParams.set('code', code)
    target.searchParams.set('state', query.state ?? '')
    return reply.header('Set-Cookie', `sandbox_person=${person}; Path=/; HttpOnly; SameSite=Lax`).redirect(target.href, 302)
  })
  app.get('/sns/oauth2/access_token', async (request, reply) => {
    const { appid, secret, grant_type: grant, code = '' } = request.query as Query
    if (appid !== desk.signer.appid) return reply.send({ errcode: 40013, errmsg: 'invalid appid' })
    if (secret !== appSecret) return reply.send({ errcode: 40125, errmsg: 'invalid appsecret' })
    if (grant !== 'authorization_code') return reply.send({ errcode: 40002, errmsg: 'invalid grant_type' })
    const openid = codes.get(code)
    codes.delete(code)
    if (!openid) return reply.send({ errcode: 40029, errmsg: 'invalid code' })
    return { access_token: randomBytes(24).toString('hex'), expires_in: 7200, refresh_token: '', openid, scope: 'snsapi_base' }
  })
}
