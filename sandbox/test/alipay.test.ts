import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { dayOf } from '#kernel/time.ts'
import { type AlipayConfig, alipayChannel } from '../../src/modules/payments/adapters/alipay/index.ts'
import type { CreateInput, NotificationOutcome, StatementLine, StatementUnavailable } from '../../src/modules/payments/ports.ts'
import { makeRsaPair } from '../common/keys.ts'
import { type SandboxProcess, startSandbox } from '../start.ts'
import { control, type Inbox, openInbox, until } from './inbox.ts'

let dir: string
let sandbox: SandboxProcess
let config: AlipayConfig
let inbox: Inbox
let count = 0

const start = async () => {
  sandbox = (await startSandbox(['alipay'], { keysDir: dir, seed: '7', env: { SANDBOX_TIME_SCALE: '2000' } })).alipay
  config = sandbox.config as unknown as AlipayConfig
}
before(async () => {
  dir = mkdtempSync(join(tmpdir(), 'yimen-alipay-'))
  await start()
  inbox = await openInbox((raw, headers) => alipayChannel(config).readNotification(raw, headers, new Date()), 'success')
})
after(async () => {
  await sandbox.stop()
  await inbox.close()
  rmSync(dir, { recursive: true })
})

const orderOf = (extra: Partial<CreateInput> = {}): CreateInput => ({
  outTradeNo: `A${process.pid}X${String(++count).padStart(6, '0')}`,
  amountFen: 8_805,
  title: '电费 100%+优惠',
  expireAt: new Date(Date.now() + 600_000),
  notifyUrl: inbox.url,
  returnUrl: `${inbox.url}/back?order=1`,
  product: 'wap',
  clientIp: '127.0.0.1',
  ...extra,
})
type Taken = Exclude<NotificationOutcome, { kind: 'refused' }>
const factsOf = (outTradeNo: string) =>
  inbox.received.filter((outcome): outcome is Taken => outcome.kind !== 'refused' && outcome.fact.outTradeNo === outTradeNo)
const stateOf = async (outTradeNo: string) => {
  const outcome = await alipayChannel(config).query(outTradeNo)
  return outcome.kind === 'known' ? outcome.fact.state : outcome.why
}

test('a wap order begins when its page opens, is paid by hand, refunded in two parts and then closed', async () => {
  const channel = alipayChannel(config)
  const order = orderOf()
  const created = await channel.create(order)
  assert.ok(created.kind === 'accepted' && created.redirectUrl)
  assert.equal(await stateOf(order.outTradeNo), 'NOTFOUND')
  const shown = await (await fetch(created.redirectUrl)).text()
  assert.match(shown, /88\.05/)
  assert.equal(await stateOf(order.outTradeNo), 'NOTPAY')
  const handle = /name="handle" value="([^"]+)"/.exec(shown)![1]!
  const paid = await fetch(`${sandbox.url}/cashier/pay`, { method: 'POST', body: new URLSearchParams({ handle }), redirect: 'manual' })
  const back = new URL(paid.headers.get('location')!)
  assert.deepEqual([paid.status, back.searchParams.get('order'), back.searchParams.get('out_trade_no')], [303, '1', order.outTradeNo])
  await until(() => factsOf(order.outTradeNo).length > 0)
  const [notice] = factsOf(order.outTradeNo)
  assert.ok(notice?.kind === 'trade')
  assert.deepEqual(await channel.query(order.outTradeNo), { kind: 'known', fact: notice.fact })
  assert.deepEqual([notice.fact.state, notice.fact.amountFen], ['SUCCESS', 8_805])
  assert.equal((await channel.close(order.outTradeNo)).kind, 'paid')

  const part = {
    channelTxnNo: notice.fact.channelTxnNo!,
    outRefundNo: `R1${order.outTradeNo}`,
    amountFen: 5,
    totalFen: 8_805,
    reason: '误缴',
    notifyUrl: inbox.url,
  }
  assert.deepEqual(await channel.refund(part), { kind: 'accepted' })
  assert.deepEqual(await channel.refund(part), { kind: 'accepted' }, 'the same number may be sent again')
  await until(() => factsOf(order.outTradeNo).some(fact => fact.kind === 'refund' && fact.fact.outRefundNo === part.outRefundNo))
  assert.equal(await stateOf(order.outTradeNo), 'SUCCESS')
  const tooMuch = await channel.refund({ ...part, outRefundNo: 'R-too-much', amountFen: 8_805 })
  assert.equal(tooMuch.kind, 'refused')
  await channel.refund({ ...part, outRefundNo: `R2${order.outTradeNo}`, amountFen: 8_800 })
  assert.equal(await stateOf(order.outTradeNo), 'REFUND', 'closed after payment is no unpaid closing')
  const known = await channel.queryRefund(order.outTradeNo, part.outRefundNo)
  assert.ok(known.kind === 'known' && known.fact.state === 'SUCCESS' && known.fact.amountFen === 5)
  const missing = await channel.queryRefund(order.outTradeNo, 'never-sent')
  assert.ok(missing.kind === 'known' && missing.fact.state === 'NOTFOUND')
})

test('a shown code is no trade until it is scanned; then it is closed', async () => {
  const channel = alipayChannel(config)
  const order = orderOf({ product: 'precreate' })
  const created = await channel.create(order)
  assert.ok(created.kind === 'accepted' && created.codeUrl)
  assert.deepEqual(await channel.close(order.outTradeNo), { kind: 'notfound' })
  await fetch(created.codeUrl)
  assert.equal(await stateOf(order.outTradeNo), 'NOTPAY')
  assert.deepEqual(await channel.close(order.outTradeNo), { kind: 'closed' })
  const closed = await channel.query(order.outTradeNo)
  assert.ok(closed.kind === 'known' && closed.fact.state === 'CLOSED' && closed.fact.isAmbiguous)
  assert.equal((await channel.close(order.outTradeNo)).kind, 'closed', 'closing again changes nothing')
  const again = await channel.create(order)
  assert.equal(again.kind, 'unknown', 'an order number in use is for a query to decide')
})

test('notifications repeat until the seven letters come, signed in both traditions', async () => {
  const order = orderOf({ product: 'precreate' })
  await alipayChannel(config).create(order)
  inbox.refuseNext(2)
  await control(sandbox.url, 'pay', { out_trade_no: order.outTradeNo })
  await until(() => factsOf(order.outTradeNo).length >= 3)
  assert.equal(new Set(factsOf(order.outTradeNo).map(fact => fact.eventKey)).size, 1)
  assert.deepEqual(
    inbox.received.filter(outcome => outcome.kind === 'refused'),
    [],
  )
})

test('faults: a busy answer after the commit is unknown; wrong keys are refused or not believed', async () => {
  const channel = alipayChannel(config)
  const order = orderOf({ product: 'precreate' })
  await control(sandbox.url, 'faults', { fail_after_commit: 1 })
  assert.equal((await channel.create(order)).kind, 'unknown')
  await control(sandbox.url, 'faults', { fail_after_commit: 0, drop: 1 })
  assert.equal((await channel.query(order.outTradeNo)).kind, 'unknown')
  await control(sandbox.url, 'faults', { drop: 0 })
  const other = makeRsaPair()
  const stranger = await alipayChannel({ ...config, appPrivateKeyPem: other.privateKeyPem }).create(orderOf({ product: 'precreate' }))
  assert.ok(stranger.kind === 'refused' && stranger.code === 'isv.invalid-signature')
  const forged = await alipayChannel({ ...config, appPrivateKeyPem: other.privateKeyPem }).create(orderOf())
  assert.ok(forged.kind === 'accepted')
  assert.equal((await fetch(forged.redirectUrl!)).status, 400)
  const doubt = await alipayChannel({ ...config, alipayPublicKeyPems: [other.publicKeyPem] }).query(order.outTradeNo)
  assert.deepEqual(doubt, { kind: 'unknown', why: 'signature_bad' })
})

test('the zipped statement of a day agrees with the books, also after a restart', async () => {
  const today = dayOf(new Date())
  await assert.rejects(alipayChannel(config).fetchStatement(today), (error: StatementUnavailable) => error.reason === 'none')
  const order = orderOf({ product: 'precreate', title: '物业费, 含𠮷字与逗号' })
  await alipayChannel(config).create(order)
  await control(sandbox.url, 'pay_twice', { out_trade_no: order.outTradeNo })
  await sandbox.stop()
  await start()
  await control(sandbox.url, 'faults', { statement_today: true })
  const channel = alipayChannel(config)
  const { raw } = await channel.fetchStatement(today)
  const lines: StatementLine[] = []
  for await (const line of channel.readStatement([raw], today)) lines.push(line)
  const books = (await (await fetch(`${sandbox.url}/_control/trades`)).json()) as { paid_fen: number; refunded_fen: number }
  const sum = (kind: string) => lines.filter(line => line.kind === kind).reduce((total, line) => total + line.amountFen, 0)
  assert.deepEqual([sum('pay'), sum('refund')], [books.paid_fen, books.refunded_fen])
  assert.equal(new Set(lines.map(line => `${line.channelTxnNo} ${line.channelRefundNo}`)).size, lines.length, 'the key is unique')
})
