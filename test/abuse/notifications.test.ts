import assert from 'node:assert/strict'
import { randomBytes, randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { makeRsaPair } from '../../sandbox/common/keys.ts'
import { ensureWechatKeys, makeWechatKeys } from '../../sandbox/wechat/keys.ts'
import { makeNotification, type PaidTrade, type SignedMessage, type WechatSigner, wechatSigner } from '../../sandbox/wechat/signer.ts'
import { type Product, withProduct } from '../support/product.ts'
import { faultsInBooks, startPaying, until, withInspector } from './support.ts'

const signerOf = (product: Product): WechatSigner => wechatSigner(ensureWechatKeys(`${product.kernel.config.dataDir}/sandbox`, new Date()))

const send = (product: Product, message: SignedMessage, path = '/notify/wechat/1'): Promise<Response> =>
  fetch(product.url + path, { method: 'POST', body: message.body, headers: message.headers })

const openTrade = async (product: Product): Promise<PaidTrade> => {
  const { rows } = await product.kernel.db.pool.query('select out_trade_no, amount_fen from payments.attempt order by id desc')
  const txnNo = `42000020261122${randomBytes(7).toString('hex')}`
  return { outTradeNo: rows[0].out_trade_no, amountFen: Number(rows[0].amount_fen), txnNo, paidAt: new Date() }
}

const TIMES = process.env.YIMEN_FULL ? 1_000 : 200

test(`one payment told ${TIMES} times, under ten ids, out of order and days later, is booked once`, { timeout: 180_000 }, () => {
  let ahead_ms = 0
  const clock = { now: () => new Date(Date.now() + ahead_ms) }
  return withProduct(
    product =>
      withInspector(product, async see => {
        await startPaying(product, 6_600)
        const signer = signerOf(product)
        const trade = await openTrade(product)
        const journal = await see.count('select count(*)::int as n from ledger.journal')
        const ids = Array.from({ length: 10 }, () => randomUUID())
        const tell = (i: number) => makeNotification(signer, { ...trade, id: ids[(i * 7) % 10]! }, clock.now())
        const told = Array.from({ length: TIMES * 0.9 }, (_, i) => tell(i))
        // A hundred at once, the rest one after another: repeats arrive both beside the first and long after it.
        const together = await Promise.all(told.slice(0, 100).map(message => send(product, message)))
        const later: Response[] = []
        for (const message of told.slice(100).reverse()) later.push(await send(product, message))
        ahead_ms = 3 * 86_400_000
        for (let i = TIMES * 0.9; i < TIMES; i++) later.push(await send(product, tell(i)))
        assert.equal(together.length + later.length, TIMES)
        assert.deepEqual([...new Set([...together, ...later].map(answer => answer.status))], [204])
        assert.equal(await see.count('select paid_fen as n from payments."order"'), 6_600)
        assert.equal(await see.count("select count(*)::int as n from ledger.journal where code in ('PAY', 'LATE')"), 1)
        assert.equal(await see.count('select count(*)::int as n from payments.suspense'), 0)
        assert.equal(await see.count('select count(*)::int as n from ledger.journal'), journal + 1)
        assert.deepEqual(await faultsInBooks(product), [])
      }),
    { clock },
  )
})

/** Ways to forge, each from an honest notification of the open order. */
const forgeries: Readonly<Record<string, (signer: WechatSigner, trade: PaidTrade) => SignedMessage & { path?: string }>> = {
  'signed by another key': (signer, trade) => {
    const keys = makeWechatKeys(new Date())
    const stranger = wechatSigner(keys)
    return makeNotification({ ...signer, keys: [{ serial: signer.keys[0]!.serial, key: stranger.keys[0]!.key }] }, trade)
  },
  'an hour old': (signer, trade) => makeNotification(signer, trade, new Date(Date.now() - 3_600_000)),
  'an hour early': (signer, trade) => makeNotification(signer, trade, new Date(Date.now() + 3_600_000)),
  'an unknown serial': (signer, trade) => makeNotification({ ...signer, keys: [{ ...signer.keys[0]!, serial: 'A'.repeat(40) }] }, trade),
  'another merchant': (signer, trade) => makeNotification({ ...signer, mchid: '1600000000' }, trade),
  'another application': (signer, trade) => makeNotification({ ...signer, appid: 'wx0000000000000000' }, trade),
  'one fen more under the old signature': (signer, trade) => ({
    headers: makeNotification(signer, trade).headers,
    body: makeNotification(signer, { ...trade, amountFen: trade.amountFen + 1 }).body,
  }),
  'an order nobody opened': (signer, trade) =>
    makeNotification(signer, { ...trade, outTradeNo: `${trade.outTradeNo.slice(0, 4)}${'0'.repeat(26)}` }),
  'an order number of another system': (signer, trade) => makeNotification(signer, { ...trade, outTradeNo: 'SHOP20261122000001' }),
  'a body that is no notification': (signer, trade) => ({
    ...makeNotification(signer, trade),
    body: '{"event_type":"TRANSACTION.SUCCESS"',
  }),
  'a ciphertext cut short': (signer, trade) => {
    const { headers, body } = makeNotification(signer, trade)
    const envelope = JSON.parse(body)
    envelope.resource.ciphertext = envelope.resource.ciphertext.slice(0, 40)
    return { headers, body: JSON.stringify(envelope) }
  },
  'sealed with another secret': (signer, trade) =>
    makeNotification({ ...signer, apiV3Key: Buffer.from(makeRsaPair().publicKeyPem.slice(40, 72)) }, trade),
  'no signature headers': (signer, trade) => ({
    headers: { 'Content-Type': 'application/json' },
    body: makeNotification(signer, trade).body,
  }),
  'the path of another tenant': (signer, trade) => ({ ...makeNotification(signer, trade), path: '/notify/wechat/2' }),
  'a path that is no tenant': (signer, trade) => ({ ...makeNotification(signer, trade), path: '/notify/wechat/one' }),
  'a channel there is none of': (signer, trade) => ({ ...makeNotification(signer, trade), path: '/notify/nobank/1' }),
  'another channel': (signer, trade) => ({ ...makeNotification(signer, trade), path: '/notify/alipay/1' }),
}

test('forged notifications are refused, change nothing and are on the trail once each', { timeout: 90_000 }, () =>
  withProduct(product =>
    withInspector(product, async see => {
      await startPaying(product, 5_500)
      const signer = signerOf(product)
      const trade = await openTrade(product)
      const before = await see.state()
      for (const [name, forge] of Object.entries(forgeries)) {
        const refusals = await see.refusals()
        const { path, ...message } = forge(signer, trade)
        const answer = await send(product, message, path)
        assert.ok(answer.status >= 400 && answer.status < 504 && answer.status !== 500, `${name}: answered ${answer.status}`)
        if (path?.includes('nobank')) assert.equal(answer.status, 404, 'nothing is there to repeat for')
        assert.equal(await see.state(), before, name)
        await until(`a refusal of ${name}`, async () => (await see.refusals()) === refusals + 1)
      }
      // The same order is still payable: the honest notification is booked.
      assert.equal((await send(product, makeNotification(signer, trade))).status, 204)
      assert.equal(await see.count('select paid_fen as n from payments."order"'), 5_500)

      // A second payment under the same number is money all the same: it is taken in and goes back, the order stays.
      const second = { ...trade, txnNo: `42000020261122${randomBytes(7).toString('hex')}`, amountFen: trade.amountFen + 1 }
      for (let i = 0; i < 3; i++) assert.equal((await send(product, makeNotification(signer, second))).status, 204)
      assert.equal(await see.count('select paid_fen as n from payments."order"'), 5_500)
      assert.equal(await see.count(`select amount_fen as n from payments.refund where txn_no = '${second.txnNo}'`), 5_501)
      // One number cannot pay two orders.
      const refusals = await see.refusals()
      await startPaying(product, 6_100)
      const stolen = { ...(await openTrade(product)), txnNo: second.txnNo }
      const settled = await see.state()
      assert.equal((await send(product, makeNotification(signer, stolen))).status, 409)
      assert.equal(await see.state(), settled)
      await until('a refusal of the number used before', async () => (await see.refusals()) === refusals + 1)
      assert.deepEqual(await faultsInBooks(product), [])
    }),
  ),
)
