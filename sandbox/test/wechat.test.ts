import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { dayOf } from '#kernel/time.ts'
import { type WechatConfig, wechatChannel } from '../../src/modules/payments/adapters/wechat/index.ts'
import { type CreateInput, type NotificationOutcome, type StatementLine, StatementUnavailable } from '../../src/modules/payments/ports.ts'
import { makeRsaPair } from '../common/keys.ts'
import { type SandboxProcess, startSandbox } from '../start.ts'
import { control, type Inbox, openInbox, until } from './inbox.ts'

let dir: string
let sandbox: SandboxProcess
let config: WechatConfig
let inbox: Inbox
let count = 0

const start = async () => {
  sandbox = (await startSandbox(['wechat'], { keysDir: dir, seed: '7', env: { SANDBOX_TIME_SCALE: '100' } })).wechat
  config = sandbox.config as unknown as WechatConfig
}
before(async () => {
  dir = mkdtempSync(join(tmpdir(), 'yimen-wechat-'))
  await start()
  inbox = await openInbox((raw, headers) => wechatChannel(config).readNotification(raw, headers, new Date()))
})
after(async () => {
  await sandbox.stop()
  await inbox.close()
  rmSync(dir, { recursive: true })
})

const orderOf = (extra: Partial<CreateInput> = {}): CreateInput => ({
  outTradeNo: `T${process.pid}X${String(++count).padStart(6, '0')}`,
  amountFen: 104_620,
  title: '2026年6月 水费, 幸福里3栋',
  expireAt: new Date(Date.now() + 600_000),
  notifyUrl: inbox.url,
  returnUrl: `${inbox.url}/back?order=1`,
  product: 'native',
  clientIp: '127.0.0.1',
  ...extra,
})
const factsOf = (outTradeNo: string) =>
  inbox.received.filter(outcome => outcome.kind !== 'refused' && outcome.fact.outTradeNo === outTradeNo) as Exclude<
    NotificationOutcome,
    { kind: 'refused' }
  >[]

test('a native order is created, paid, notified, queried, refunded', async () => {
  const channel = wechatChannel(config)
  const order = orderOf()
  const created = await channel.create(order)
  assert.ok(created.kind === 'accepted' && created.codeUrl?.startsWith('weixin://'))
  assert.equal((await channel.query(order.outTradeNo)).kind, 'known')
  await control(sandbox.url, 'pay', { out_trade_no: order.outTradeNo })
  await until(() => factsOf(order.outTradeNo).length > 0)
  const [notice] = factsOf(order.outTradeNo)
  assert.ok(notice?.kind === 'trade')
  const asked = await channel.query(order.outTradeNo)
  assert.deepEqual(asked, { kind: 'known', fact: notice.fact })
  assert.deepEqual([notice.fact.state, notice.fact.amountFen], ['SUCCESS', order.amountFen])
  assert.deepEqual((await channel.close(order.outTradeNo)).kind, 'paid')

  const refund = {
    channelTxnNo: notice.fact.channelTxnNo!,
    outRefundNo: `R${order.outTradeNo}`,
    amountFen: 620,
    totalFen: order.amountFen,
    reason: '误缴',
    notifyUrl: inbox.url,
  }
  assert.deepEqual(await channel.refund(refund), { kind: 'accepted' })
  assert.deepEqual(await channel.refund(refund), { kind: 'accepted' }, 'the same number may be sent again')
  await until(() => factsOf(order.outTradeNo).some(fact => fact.kind === 'refund'))
  const known = await channel.queryRefund(order.outTradeNo, refund.outRefundNo)
  assert.ok(known.kind === 'known' && known.fact.state === 'SUCCESS' && known.fact.amountFen === 620)
  const tooMuch = await channel.refund({ ...refund, outRefundNo: `${refund.outRefundNo}B`, amountFen: order.amountFen })
  assert.ok(tooMuch.kind === 'refused' && tooMuch.code === 'NOT_ENOUGH')
  const missing = await channel.queryRefund(order.outTradeNo, 'never-sent')
  assert.ok(missing.kind === 'known' && missing.fact.state === 'NOTFOUND')
  const after = await channel.query(order.outTradeNo)
  assert.ok(after.kind === 'known' && after.fact.state === 'REFUND' && after.fact.amountFen === order.amountFen)
})

test('an h5 order is paid by hand on the wallet page and leads back to the shop', async () => {
  const channel = wechatChannel(config)
  const order = orderOf({ product: 'h5', title: '<b>物业费</b>' })
  const created = await channel.create(order)
  assert.ok(created.kind === 'accepted' && created.redirectUrl)
  const shown = await (await fetch(created.redirectUrl)).text()
  assert.match(shown, /1,046\.20/)
  assert.match(shown, /确认付款/)
  assert.ok(!shown.includes('<b>物业费</b>'), 'the title is escaped')
  const handle = /name="handle" value="([^"]+)"/.exec(shown)![1]!
  const paid = await fetch(`${sandbox.url}/wallet/pay`, {
    method: 'POST',
    body: new URLSearchParams({ handle, redirect_url: order.returnUrl }),
    redirect: 'manual',
  })
  assert.deepEqual([paid.status, paid.headers.get('location')], [303, order.returnUrl])
  await until(() => factsOf(order.outTradeNo).length > 0)
  const again = await fetch(`${sandbox.url}/wallet/pay`, { method: 'POST', body: new URLSearchParams({ handle }) })
  assert.equal(again.status, 409, 'a second click does not pay twice')
})

test('a jsapi order needs an openid and gives signed page parameters', async () => {
  const channel = wechatChannel(config)
  assert.equal((await channel.create(orderOf({ product: 'jsapi' }))).kind, 'refused')
  const signIn = channel.payerSignIn!
  const away = await fetch(signIn.addressOf(inbox.url, 's1'), { redirect: 'manual' })
  const back = new URL(away.headers.get('location')!)
  assert.equal(back.searchParams.get('state'), 's1')
  const code = back.searchParams.get('code')!
  const impostor = await wechatChannel({ ...config, appSecret: 'guessed' }).payerSignIn!.readPayer(code)
  assert.deepEqual([impostor.kind, impostor.kind === 'refused' && impostor.code], ['refused', '40125'])
  const payer = await signIn.readPayer(code)
  assert.ok(payer.kind === 'known')
  const again = await signIn.readPayer(code)
  assert.ok(again.kind === 'refused' && again.code === '40029', 'a code works once')
  assert.equal((await signIn.readPayer('a&secret=x')).kind, 'refused', 'what is no code is not sent')
  const gone = await wechatChannel({ ...config, apiUrl: 'http://127.0.0.1:9' }).payerSignIn!.readPayer(code)
  assert.equal(gone.kind, 'unknown')
  assert.equal(wechatChannel({ ...config, appSecret: undefined }).payerSignIn, undefined)
  const { openid } = payer
  const created = await channel.create(orderOf({ product: 'jsapi', openid }))
  assert.ok(created.kind === 'accepted')
  assert.deepEqual(Object.keys(created.jsapi!).sort(), ['appId', 'nonceStr', 'package', 'paySign', 'signType', 'timeStamp'])
  const call = async (params: object, answer = 'pay') => {
    const init = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ params, answer }) }
    return ((await (await fetch(`${sandbox.url}/wallet/bridge`, init)).json()) as { err_msg: string }).err_msg.split(':')[1]
  }
  assert.equal(await call({ ...created.jsapi, nonceStr: 'other' }), 'fail', 'parameters nobody signed')
  assert.equal(await call({ ...created.jsapi, timeStamp: '1' }), 'fail')
  assert.equal(await call(created.jsapi!, 'cancel'), 'cancel')
  assert.equal(await call(created.jsapi!), 'ok')
  assert.equal(await call(created.jsapi!), 'fail', 'an order is paid once')
})

test('an unpaid order is closed once and for all, a missing one is not found', async () => {
  const channel = wechatChannel(config)
  const order = orderOf()
  await channel.create(order)
  assert.deepEqual(await channel.close(order.outTradeNo), { kind: 'closed' })
  const known = await channel.query(order.outTradeNo)
  assert.ok(known.kind === 'known' && known.fact.state === 'CLOSED')
  assert.equal((await fetchControl('pay', { out_trade_no: order.outTradeNo })).status, 409)
  await control(sandbox.url, 'pay', { out_trade_no: order.outTradeNo, force: true, amount_fen: order.amountFen + 1 })
  await until(() => factsOf(order.outTradeNo).length > 0)
  assert.equal((factsOf(order.outTradeNo)[0]!.fact as { amountFen: number }).amountFen, order.amountFen + 1)
  assert.deepEqual(await channel.close('NEVER-CREATED-1'), { kind: 'notfound' })
  const missing = await channel.query('NEVER-CREATED-1')
  assert.ok(missing.kind === 'known' && missing.fact.state === 'NOTFOUND')
})

const fetchControl = (name: string, body: object) =>
  fetch(`${sandbox.url}/_control/${name}`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) })

test('notifications repeat until taken, alternate between both key kinds, and come twice on demand', async () => {
  const channel = wechatChannel(config)
  const order = orderOf()
  await channel.create(order)
  inbox.refuseNext(3)
  const before = inbox.serials.size
  await control(sandbox.url, 'pay', { out_trade_no: order.outTradeNo })
  await until(() => factsOf(order.outTradeNo).length >= 4)
  assert.equal(new Set(factsOf(order.outTradeNo).map(fact => fact.eventKey)).size, 1, 'one event key for all repetitions')
  await control(sandbox.url, 'notify_again', { out_trade_no: order.outTradeNo })
  await until(() => factsOf(order.outTradeNo).length >= 5)
  assert.equal(inbox.serials.size, 2, `both keys sign (before ${before})`)
  assert.deepEqual(
    inbox.received.filter(outcome => outcome.kind === 'refused'),
    [],
  )
})

test('faults: a lost answer after the commit is unknown, and so is a cut connection', async () => {
  const channel = wechatChannel(config)
  const order = orderOf()
  await control(sandbox.url, 'faults', { fail_after_commit: 1 })
  assert.equal((await channel.create(order)).kind, 'unknown')
  await control(sandbox.url, 'faults', { fail_after_commit: 0, drop: 1 })
  assert.equal((await channel.query(order.outTradeNo)).kind, 'unknown')
  await control(sandbox.url, 'faults', { drop: 0, create_delay_ms: 400 })
  assert.equal((await wechatChannel(config, { wait_ms_max: 100 }).query(order.outTradeNo)).kind, 'unknown')
  await control(sandbox.url, 'faults', { create_delay_ms: 0 })
  const known = await channel.query(order.outTradeNo)
  assert.ok(known.kind === 'known' && known.fact.state === 'NOTPAY', 'the order exists all the same')
  await control(sandbox.url, 'pay', { out_trade_no: order.outTradeNo })
  await control(sandbox.url, 'faults', { lie_then_correct: 1 })
  const lie = await channel.query(order.outTradeNo)
  const truth = await channel.query(order.outTradeNo)
  await control(sandbox.url, 'faults', { lie_then_correct: 0 })
  assert.deepEqual([lie.kind === 'known' && lie.fact.state, truth.kind === 'known' && truth.fact.state], ['NOTPAY', 'SUCCESS'])
  assert.equal((await fetchControl('faults', { explode: 1 })).status, 400)
})

test('faults: notifications come twice, late or not at all at first', async () => {
  const channel = wechatChannel(config)
  const payWith = async (faults: object) => {
    const order = orderOf()
    await channel.create(order)
    await control(sandbox.url, 'faults', faults)
    await control(sandbox.url, 'pay', { out_trade_no: order.outTradeNo })
    return order.outTradeNo
  }
  const doubled = await payWith({ duplicate: 1 })
  await until(() => factsOf(doubled).length === 2)
  const held = await payWith({ duplicate: 0, reorder: 1 })
  const later = await payWith({ reorder: 0 })
  await until(() => factsOf(held).length > 0 && factsOf(later).length > 0)
  const order = inbox.received.map(outcome => (outcome.kind === 'refused' ? '' : outcome.fact.outTradeNo))
  assert.ok(order.indexOf(later) < order.indexOf(held), 'the later payment is told first')
  const dropped = await payWith({ drop: 1 })
  await new Promise(resolve => setTimeout(resolve, 50))
  assert.equal(factsOf(dropped).length, 0)
  await control(sandbox.url, 'faults', { drop: 0 })
  await until(() => factsOf(dropped).length > 0)
})

test('a mini programme signs in, orders in its own name and is told in its own name; a page inside the app cannot pay its orders', async () => {
  const channel = wechatChannel(config)
  const login = async () => ((await (await fetch(`${sandbox.url}/wallet/mini-login`, { method: 'POST' })).json()) as { code: string }).code
  const code = await login()
  const payer = await channel.miniSignIn!.readPayer(code)
  assert.ok(payer.kind === 'known')
  assert.deepEqual(await channel.miniSignIn!.readPayer(code), { kind: 'refused', code: '40029', message: 'invalid code' })
  const stranger = wechatChannel({ ...config, mini: { ...config.mini!, secret: 'not the secret' } })
  const refused = await stranger.miniSignIn!.readPayer(await login())
  assert.ok(refused.kind === 'refused' && refused.code === '40125')
  const order = orderOf({ product: 'mini', openid: payer.openid })
  const created = await channel.create(order)
  assert.ok(created.kind === 'accepted' && created.jsapi?.appId === config.mini!.appid)
  const { appId: _, ...params } = created.jsapi
  const put = async (path: string, body: object) =>
    (await (
      await fetch(`${sandbox.url}/wallet/${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
    ).json()) as Record<string, string>
  assert.deepEqual(await put('bridge', { params: created.jsapi }), { err_msg: 'get_brand_wcpay_request:fail' })
  assert.deepEqual(await put('mini-pay', { params: { ...params, nonceStr: 'x' } }), { errMsg: 'requestPayment:fail' })
  assert.deepEqual(await put('mini-pay', { params, answer: 'cancel' }), { errMsg: 'requestPayment:fail cancel' })
  assert.deepEqual(await put('mini-pay', { params }), { errMsg: 'requestPayment:ok' })
  await until(() => factsOf(order.outTradeNo).length > 0)
  const { mini: _mini, ...without } = config
  assert.equal((await wechatChannel(without).create(orderOf({ product: 'mini', openid: payer.openid }))).kind, 'refused')
})

test('a wrong merchant key is refused, answers of a stranger are not believed', async () => {
  const other = makeRsaPair()
  const stranger = await wechatChannel({ ...config, merchantPrivateKeyPem: other.privateKeyPem }).create(orderOf())
  assert.ok(stranger.kind === 'refused' && stranger.code === 'SIGN_ERROR')
  const impostor = wechatChannel({
    ...config,
    platformKeys: config.platformKeys.map(key => ({ ...key, publicKeyPem: other.publicKeyPem })),
  })
  const outcome = await impostor.query('NEVER-CREATED-1')
  assert.ok(outcome.kind === 'unknown' && /signature_bad/.test(outcome.why))
})

test('platform certificates are downloaded and then trusted', async () => {
  const publicOnly = { ...config, platformKeys: config.platformKeys.filter(key => key.serial.startsWith('PUB_KEY_ID_')) }
  const channel = wechatChannel(publicOnly)
  assert.deepEqual(await channel.refreshCertificates(), [config.platformKeys.find(key => !key.serial.startsWith('PUB'))!.serial])
})

test('the statement of a day agrees with the books, also after a restart', async () => {
  const today = dayOf(new Date())
  await assert.rejects(wechatChannel(config).fetchStatement(today), StatementUnavailable)
  const order = orderOf()
  await wechatChannel(config).create(order)
  await control(sandbox.url, 'pay_twice', { out_trade_no: order.outTradeNo })
  await sandbox.stop()
  await start()
  await control(sandbox.url, 'faults', { statement_today: true })
  const channel = wechatChannel(config)
  const { raw } = await channel.fetchStatement(today)
  const lines: StatementLine[] = []
  for await (const line of channel.readStatement([raw], today)) lines.push(line)
  const books = (await (await fetch(`${sandbox.url}/_control/trades`)).json()) as { paid_fen: number; refunded_fen: number }
  const sum = (kind: string) => lines.filter(line => line.kind === kind).reduce((total, line) => total + line.amountFen, 0)
  assert.deepEqual([sum('pay'), sum('refund')], [books.paid_fen, books.refunded_fen])
  assert.equal(lines.filter(line => line.outTradeNo === order.outTradeNo).length, 2)
  assert.ok(lines.every(line => (line.kind === 'pay' ? line.feeE5 === line.amountFen * 6 : line.feeE5 === -line.amountFen * 6)))
})
