import assert from 'node:assert/strict'
import { createPrivateKey, sign } from 'node:crypto'
import { test } from 'node:test'
import { makeRsaPair } from '../../../../../sandbox/common/keys.ts'
import { rawNode } from '../alipay/crypto.ts'
import { alipayChannel } from '../alipay/index.ts'

const channelPair = makeRsaPair()
const oldPair = makeRsaPair()
const channel = alipayChannel({
  appId: '2021000000000001',
  sellerId: '2088000000000001',
  appPrivateKeyPem: makeRsaPair().privateKeyPem,
  alipayPublicKeyPems: [channelPair.publicKeyPem, oldPair.publicKeyPem],
  gatewayUrl: 'http://127.0.0.1:9/gateway.do',
})
const paid = {
  app_id: '2021000000000001',
  seller_id: '2088000000000001',
  notify_id: 'n1',
  notify_time: '2026-06-01 10:00:01',
  charset: 'utf-8',
  out_trade_no: 'A1',
  trade_no: '2026060122001',
  trade_status: 'TRADE_SUCCESS',
  subject: '电费 100%25+优惠 & more',
  total_amount: '88.05',
  buyer_pay_amount: '80.00',
  gmt_payment: '2026-06-01 10:00:00',
}
type Form = Record<string, string>
const signText = (text: string, pem: string) => sign('RSA-SHA256', Buffer.from(text), createPrivateKey(pem)).toString('base64')
const signed = (form: Form, isTypeSigned = false, pem = channelPair.privateKeyPem): Form => {
  const covered: Form = isTypeSigned ? { ...form, sign_type: 'RSA2' } : form
  const text = Object.keys(covered)
    .sort()
    .map(name => `${name}=${covered[name]}`)
    .join('&')
  return { ...form, sign_type: 'RSA2', sign: signText(text, pem) }
}
const readText = (body: string) => channel.readNotification(Buffer.from(body), {}, new Date())
const read = (form: Form) => readText(new URLSearchParams(form).toString())
const codeOf = (form: Form) => {
  const outcome = read(form)
  return outcome.kind === 'refused' ? outcome.code : outcome.kind
}

test('a payment is read in both signing traditions and under an older key still live', () => {
  const expected = {
    kind: 'trade',
    eventKey: 'n1',
    fact: {
      outTradeNo: 'A1',
      state: 'SUCCESS',
      channelTxnNo: '2026060122001',
      amountFen: 8_805,
      payerTotalFen: 8_000,
      paidAt: new Date('2026-06-01T10:00:00+08:00'),
    },
  }
  assert.deepEqual(read(signed(paid)), expected)
  assert.deepEqual(read(signed(paid, true)), expected)
  assert.deepEqual(read(signed(paid, false, oldPair.privateKeyPem)), expected)
})

test('values are decoded once: percent signs and pluses inside survive', () => {
  const body = new URLSearchParams(signed(paid)).toString()
  assert.equal(readText(body).kind, 'trade')
  const twice = readText(decodeURIComponent(body))
  assert.ok(twice.kind === 'refused' && twice.code === 'signature_bad')
})

test('tampering is refused, each way for its own reason', () => {
  const good = signed(paid)
  const without = (name: string) => Object.fromEntries(Object.entries(good).filter(([key]) => key !== name)) as Form
  const cases: [string, Form, string][] = [
    ['the amount', { ...good, total_amount: '0.01' }, 'signature_bad'],
    ['the state', { ...good, trade_status: 'TRADE_FINISHED' }, 'signature_bad'],
    ['a field added', { ...good, refund_fee: '88.05' }, 'signature_bad'],
    ['a field removed', without('buyer_pay_amount'), 'signature_bad'],
    ['no signature', without('sign'), 'header_missing'],
    ['a signature that is no base64', { ...good, sign: '***' }, 'signature_bad'],
    ['a stranger as signer', signed(paid, false, makeRsaPair().privateKeyPem), 'signature_bad'],
    ['another application', signed({ ...paid, app_id: '2021000000000002' }), 'merchant_other'],
    ['another seller', signed({ ...paid, seller_id: '2088000000000002' }), 'merchant_other'],
    ['another charset', signed({ ...paid, charset: 'gbk' }), 'charset_bad'],
    ['an unknown state', signed({ ...paid, trade_status: 'TRADE_PAID' }), 'body_bad'],
    ['a third decimal', signed({ ...paid, total_amount: '88.051' }), 'body_bad'],
    ['no notify_id', signed(Object.fromEntries(Object.entries(paid).filter(([key]) => key !== 'notify_id'))), 'body_bad'],
  ]
  for (const [what, form, code] of cases) assert.equal(codeOf(form), code, what)
  const double = readText(`${new URLSearchParams(good)}&total_amount=0.01`)
  assert.ok(double.kind === 'refused' && double.code === 'body_bad', 'a name standing twice')
})

test('TRADE_CLOSED is ambiguous unless the words show a payment', () => {
  const { gmt_payment: _, ...unpaid } = paid
  const plain = read(signed({ ...unpaid, trade_status: 'TRADE_CLOSED' }))
  assert.ok(plain.kind === 'trade' && plain.fact.state === 'CLOSED' && plain.fact.isAmbiguous)
  const after = read(signed({ ...paid, trade_status: 'TRADE_CLOSED' }))
  assert.ok(after.kind === 'trade' && after.fact.state === 'REFUND' && after.fact.isAmbiguous === undefined)
})

test('a refund is told apart from its payment and carries no amount, as refund_fee is a running sum', () => {
  const form = { ...paid, out_biz_no: 'R2', refund_fee: '20.00', gmt_refund: '2026-06-02 09:00:00.123' }
  assert.deepEqual(read(signed(form)), {
    kind: 'refund',
    eventKey: 'n1',
    fact: { outTradeNo: 'A1', outRefundNo: 'R2', state: 'SUCCESS', refundedAt: new Date('2026-06-02T09:00:00+08:00') },
  })
})

test('the signed node of an answer is cut out byte for byte', () => {
  const node = '{"code":"10000", "msg":"a \\"}\\" b","deep":{"x":{}}}'
  assert.equal(rawNode(`{"alipay_trade_query_response": ${node},"sign":"x"}`, 'alipay_trade_query_response'), node)
  assert.equal(rawNode(`{"alipay_trade_query_response":${node.slice(0, -1)}`, 'alipay_trade_query_response'), undefined)
  assert.equal(rawNode('{"sign":"x"}', 'alipay_trade_query_response'), undefined)
})

test('the channel is told the seven letters only after the commit', () => {
  assert.deepEqual(channel.acknowledge(true), { status: 200, type: 'text/plain', body: 'success' })
  assert.notEqual(channel.acknowledge(false).body, 'success')
})
