import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Ctx, makeId, systemCtx } from '#kernel/context.ts'
import { queryIn, type TestKernel, testCtx, withTestDb } from '#kernel/db/testing.ts'
import { newCode } from '#kernel/id.ts'
import { seededRandom } from '#kernel/random.ts'
import { unwrap } from '#kernel/result.ts'
import { manualClock, systemClock } from '#kernel/time.ts'
import { checkLedger, ensureAccount } from '#modules/ledger/index.ts'
import {
  checkPayments,
  closeOrder,
  ensureMerchant,
  findOrderByCode,
  receiveNotification,
  runRefunds,
  startAttempt,
  useChannel,
} from '#modules/payments/index.ts'
import { PRODUCTS, type Product } from '../../../../sandbox/biller/products.ts'
import { type SandboxProcess, startSandbox } from '../../../../sandbox/start.ts'
import { type SimChannel, simChannel } from '../../../../test/sim/channel.ts'
import { type BillerApiConfig, billerApi } from '../adapters/biller-api.ts'
import {
  answerRescue,
  askRescue,
  checkProducts,
  getProductOrder,
  listOpenBills,
  listOrderable,
  listProductOrders,
  listReceipts,
  orderProduct,
  type ProductAmounts,
  runPostings,
  undoPayment,
  undoProduct,
  usePort,
  viewOffers,
} from '../index.ts'
import * as store from '../store.ts'
import { waterConfig } from './import-support.ts'

const ACCOUNT_NO = 'T31579972GG'
const M = 60_000
const WORDS = '我同意'

interface Town {
  readonly kernel: TestKernel
  readonly clock: ReturnType<typeof manualClock>
  readonly ctx: Ctx
  readonly resident: Ctx
  readonly accountId: string
  readonly biller: SandboxProcess
  readonly channel: SimChannel
  control(path: string, body: object): Promise<void>
  books(): Promise<{ orders: { order_no: string; state: string; amount: number | string }[]; delivered: string[] }>
  quoteOf(code: string, by?: Ctx): Promise<string>
  order(code: string, key?: string): ReturnType<typeof orderProduct>
  /** Pays in the wallet, and lets the page that follows give the receipt. */
  pay(payment: { orderId: string; code: string }): Promise<void>
  /** So many minutes later, with everything that happens by itself. */
  later(minutes: number): Promise<void>
  stateOf(code: string): Promise<string>
  faults(): Promise<unknown[]>
}

const bind = (kernel: TestKernel, payer: string, accountId: string, relation: string) =>
  queryIn(kernel, `insert into billing.binding (tenant_id, payer, account_id, relation, bound_at) values (1, $1, $2, $3, $4)`, [
    payer,
    accountId,
    relation,
    kernel.clock.now(),
  ])

/** A resident with a telecom account of their own, the company as a process, and a channel. */
async function withTown(work: (town: Town) => Promise<void>, amounts: ProductAmounts = 'fen'): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'yimen-products-'))
  const clock = manualClock('2026-11-23T02:00:00.000Z')
  const { biller } = await startSandbox(['biller'], { keysDir: dir })
  try {
    await withTestDb(async kernel => work(await townOf(kernel, clock, biller, amounts)), { clock })
  } finally {
    await biller.stop()
    rmSync(dir, { recursive: true })
  }
}

async function townOf(kernel: TestKernel, clock: Town['clock'], biller: SandboxProcess, amounts: ProductAmounts): Promise<Town> {
  const ctx = systemCtx(kernel, 1, 'test')
  const channel = simChannel(seededRandom(1), clock, { lostBefore: 0, lostAfter: 0, refused: 0, lie: 0 })
  useChannel(1, channel)
  await ensureMerchant(ctx, 'wechat', 'sim')
  // The company checks time stamps against the real time.
  usePort(1, 'telecom', billerApi(biller.config as unknown as BillerApiConfig, systemClock, amounts))
  const accountId = makeId(ctx)
  await kernel.db.tx(1, async tx => {
    const payableAccountId = await ensureAccount(tx, ctx, '2202:telecom')
    const names = { nameZh: '通信公司', nameEn: 'Telecom', serviceZh: '通信费', serviceEn: 'Telecom' }
    const config = { ...waterConfig, products: { amounts } }
    await store.upsertBiller(tx, 1, { id: 'telecom', ...names, unit: 'month', payableAccountId, isOnline: true, config }, clock.now())
  })
  await queryIn(
    kernel,
    `insert into billing.account (tenant_id, id, biller_id, account_no, holder_mask, address_mask, is_closed, opened_at) values (1, $1, 'telecom', $2, '王**', '青砖一村***', false, $3)`,
    [accountId, ACCOUNT_NO, clock.now()],
  )
  const resident = testCtx(kernel, { kind: 'resident', id: makeId(ctx) })
  await bind(kernel, `resident:${resident.actor.id}`, accountId, 'owner')
  const quoteOf: Town['quoteOf'] = async (code, by = resident) =>
    unwrap(await viewOffers(by, accountId)).offers.find(offer => offer.product.code === code)!.quote
  return {
    ...{ kernel, clock, ctx, resident, accountId, biller, channel, quoteOf },
    async control(path, body) {
      const answer = await fetch(`${biller.url}/_control/${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
      assert.ok(answer.ok, path)
    },
    books: async () => (await (await fetch(`${biller.url}/_control/product-orders`)).json()) as Awaited<ReturnType<Town['books']>>,
    order: async (code, key = newCode(kernel.random)) =>
      orderProduct(resident, { quote: await quoteOf(code), wording: WORDS, isGiven: true, idempotencyKey: key }),
    async pay({ orderId, code }) {
      await startAttempt(ctx, { orderId, channel: 'wechat', product: 'h5', notifyUrl: '', returnUrl: '', clientIp: '10.0.0.1' })
      const trade = [...channel.trades.keys()].at(-1)!
      assert.ok(channel.pay(trade, false))
      await receiveNotification(kernel, 1, 'wechat', channel.notification(trade), {})
      await listReceipts(ctx, (await findOrderByCode(ctx, code))!)
    },
    async later(minutes) {
      clock.advance(minutes * M)
      await runPostings(kernel, 1)
      for (let round = 0; round < 2; round++) {
        await runRefunds(kernel, 1)
        channel.settleRefunds()
        clock.advance(M)
      }
      await runRefunds(kernel, 1)
    },
    stateOf: async code => unwrap(await getProductOrder(resident, code)).state,
    faults: async () =>
      (await Promise.all([checkLedger, checkPayments, checkProducts].map(check => check(kernel.db, 1)))).flat().filter(c => c.ok === false),
  }
}

const refundedOf = async ({ ctx }: Town, code: string) => (await findOrderByCode(ctx, code))!.refundedFen

test('what is paid for is held ten minutes, then told once, done, and on the receipt by its name', () =>
  withTown(async town => {
    const { accountId, resident, ctx } = town
    const offers = unwrap(await viewOffers(resident, accountId))
    assert.deepEqual(
      offers.offers.map(o => [o.product.code, o.product.price_fen]),
      PRODUCTS.map(p => [p.code, p.price]),
    )
    const ordered = unwrap(await town.order('DATA20'))
    assert.equal(await town.stateOf(ordered.code), 'paying')
    await town.pay(ordered.payment!)
    assert.equal(await town.stateOf(ordered.code), 'held')
    await town.later(5)
    assert.deepEqual((await town.books()).orders, [], 'nothing was told yet')
    await town.later(6)
    assert.equal(await town.stateOf(ordered.code), 'done')
    await town.later(60)
    assert.equal((await town.books()).delivered.length, 1)
    const [receipt] = await listReceipts(ctx, (await findOrderByCode(ctx, ordered.payment!.code))!)
    assert.equal(receipt!.bill.product!.nameZh, '20GB流量包')
    assert.equal(receipt!.amountFen, 2_000)
    assert.deepEqual(await listOpenBills(resident, [accountId]), [], 'it is in no list of bills')
    assert.deepEqual(await town.faults(), [])
    unwrap(await town.order('DATA20'))
  }))

test('undone within ten minutes nothing is told and the money goes back; later the window has it cancelled', () =>
  withTown(async town => {
    const { ctx, resident } = town
    const payers = [`resident:${resident.actor.id}`]
    const first = unwrap(await town.order('NET300'))
    await town.pay(first.payment!)
    unwrap(await undoPayment(ctx, { orderCode: first.payment!.code, payers, idempotencyKey: newCode(town.kernel.random) }))
    await town.later(30)
    assert.equal(await town.stateOf(first.code), 'taken_back')
    assert.deepEqual((await town.books()).orders, [])
    assert.equal(await refundedOf(town, first.payment!.code), 36_000)
    const second = unwrap(await town.order('NET300'))
    await town.pay(second.payment!)
    await town.later(11)
    assert.equal(await town.stateOf(second.code), 'done')
    unwrap(
      await askRescue(ctx, {
        orderCode: second.payment!.code,
        payers,
        reason: 'other',
        note: undefined,
        idempotencyKey: newCode(town.kernel.random),
      }),
    )
    const clerk = testCtx(town.kernel, { permissions: new Set(['billing.rescue.answer']) })
    unwrap(await answerRescue(clerk, { orderId: second.payment!.orderId, isAgreed: true, answer: '同意' }))
    await town.later(5)
    assert.equal((await town.books()).orders[0]!.state, 'CANCELLED')
    assert.equal(await refundedOf(town, second.payment!.code), 36_000)
    assert.deepEqual(await town.faults(), [])
  }))

test('refused, the money goes back by itself and the words of the company are kept', () =>
  withTown(async town => {
    await town.control('faults', { reject: 1 })
    const ordered = unwrap(await town.order('DATA20'))
    await town.pay(ordered.payment!)
    await town.later(11)
    const seen = unwrap(await getProductOrder(town.resident, ordered.code))
    assert.deepEqual([seen.state, seen.failure], ['refused', 'REFUSED_BY_COMPANY'])
    assert.equal(await refundedOf(town, ordered.payment!.code), 2_000)
    await town.control('faults', { reject: 0 })
    unwrap(await town.order('DATA20'))
    assert.deepEqual(await town.faults(), [])
  }))

test('an answer that is lost, late, twice or no answer at all: asked again under one number, delivered once', () =>
  withTown(async town => {
    await town.control('faults', { fail_after_commit: 1, accept_first: 1, lie_then_correct: 1 })
    const ordered = unwrap(await town.order('CALL300'))
    await town.pay(ordered.payment!)
    await town.later(11)
    assert.equal(await town.stateOf(ordered.code), 'telling', 'its answer was lost')
    await town.later(1)
    assert.equal(await town.stateOf(ordered.code), 'working', 'accepted is not done')
    await town.control('faults', { drop: 1 })
    await town.later(10)
    assert.equal(await town.stateOf(ordered.code), 'working')
    await town.control('faults', { drop: 0, fail_after_commit: 0, accept_first: 0 })
    await town.later(61)
    assert.equal(await town.stateOf(ordered.code), 'working')
    await town.later(61)
    await town.later(61)
    assert.equal(await town.stateOf(ordered.code), 'done')
    await town.later(61)
    const { orders, delivered } = await town.books()
    assert.deepEqual([orders.length, delivered.length], [1, 1])
    assert.deepEqual(await town.faults(), [])
  }))

test('what costs nothing now is ordered with the same consent, told after ten minutes, and can be taken back until then', () =>
  withTown(async town => {
    const { resident } = town
    const first = unwrap(await town.order('PLAN29'))
    assert.equal(first.payment, undefined)
    assert.ok(unwrap(await getProductOrder(resident, first.code)).undoUntil)
    assert.equal((await town.order('PLAN59')).ok, false, 'an account has one plan at a time')
    for (const undone of await Promise.all([undoProduct(resident, first.code), undoProduct(resident, first.code)])) unwrap(undone)
    unwrap(await undoProduct(resident, first.code))
    await town.later(11)
    assert.deepEqual((await town.books()).orders, [])
    assert.equal(await town.stateOf(first.code), 'taken_back')
    const second = unwrap(await town.order('PLAN59'))
    await town.later(11)
    assert.equal(await town.stateOf(second.code), 'done')
    assert.equal((await undoProduct(resident, second.code)).ok, false)
    assert.deepEqual(
      unwrap(await listProductOrders(resident)).map(o => [o.productCode, o.state]),
      [
        ['PLAN59', 'done'],
        ['PLAN29', 'taken_back'],
      ],
    )
    assert.deepEqual(await town.faults(), [])
  }))

test('one ordering of a kind at a time: the same key is the same one, a payment given up makes room', () =>
  withTown(async town => {
    const { resident, ctx } = town
    const quote = await town.quoteOf('DATA20')
    const input = { quote, wording: WORDS, isGiven: true, idempotencyKey: newCode(town.kernel.random) }
    const both = await Promise.all([orderProduct(resident, input), orderProduct(resident, input)])
    const done = both.filter(one => one.ok)
    assert.ok(done.length >= 1)
    const again = unwrap(await orderProduct(resident, input))
    const other = await town.order('DATA20')
    assert.deepEqual([other.ok, !other.ok && other.error.code], [false, 'billing.product_ordered'])
    await closeOrder(ctx, again.payment!.orderId, 'cancelled_by_payer')
    assert.equal(await town.stateOf(again.code), 'unpaid')
    unwrap(await town.order('DATA20'))
    const { rows } = await queryIn(town.kernel, 'select count(*)::int as n from billing.product_order where ended_at is null')
    assert.equal(rows[0].n, 1)
  }))

test('only who signed in orders, under an account of their own, what was shown, with consent', () =>
  withTown(async town => {
    const { kernel, resident, accountId } = town
    const quote = await town.quoteOf('DATA20')
    const input = { quote, wording: WORDS, isGiven: true, idempotencyKey: newCode(town.kernel.random) }
    const codeOf = async (by: Ctx, change: Partial<typeof input> = {}) => {
      const done = await orderProduct(by, { ...input, ...change })
      return done.ok ? 'ok' : done.error.code
    }
    const nobody = testCtx(kernel, { kind: 'anonymous', id: 'anonymous', permissions: new Set() })
    const clerk = testCtx(kernel, { kind: 'staff', permissions: new Set(['payments.order.read', 'billing.bill.read']) })
    assert.equal(await codeOf(nobody), 'access.sign_in_first')
    assert.equal(await codeOf(clerk), 'access.denied')
    for (const relation of ['tenant', 'helper']) {
      const other = testCtx(kernel, { kind: 'resident', id: makeId(town.ctx) })
      await bind(kernel, `resident:${other.actor.id}`, accountId, relation)
      assert.equal(await codeOf(other), 'billing.account_not_found', relation)
      assert.equal((await viewOffers(other, accountId)).ok, false)
      assert.deepEqual(unwrap(await listOrderable(other)), [])
    }
    assert.equal(await codeOf(resident, { isGiven: false }), 'billing.product_consent_missing')
    assert.equal(await codeOf(resident, { quote: `${quote}x` }), 'billing.quote_malformed')
    assert.equal(await codeOf(resident, { idempotencyKey: undefined as never }), 'idempotency.key_missing')
    town.clock.advance(11 * M)
    assert.equal(await codeOf(resident), 'billing.quote_expired')
    const ordered = unwrap(await town.order('PLAN29'))
    const stranger = testCtx(kernel, { kind: 'resident', id: makeId(town.ctx) })
    for (const by of [stranger, nobody, clerk]) {
      assert.equal((await getProductOrder(by, ordered.code)).ok, false)
      assert.equal((await undoProduct(by, ordered.code)).ok, false)
    }
    assert.equal((await listProductOrders(nobody)).ok, false)
  }))

test('nothing is offered from memory, nor what changed under the same version, nor what says too little; amounts in the unit declared', () =>
  withTown(async town => {
    const { resident, accountId } = town
    const inYuan = (product: Product, change: object = {}) => ({
      ...product,
      price: (product.price / 100).toFixed(2),
      monthly: undefined,
      ...change,
    })
    const [data, call] = PRODUCTS as unknown as [Product, Product]
    const codes = async () => unwrap(await viewOffers(resident, accountId)).offers.map(o => [o.product.code, o.product.price_fen])
    await town.control('products', { products: [inYuan(data), inYuan(call, { terms: '' }), inYuan(call, { code: 'X', price: 10 })] })
    assert.deepEqual(await codes(), [['DATA20', 2_000]])
    await town.control('products', { products: [inYuan(data, { terms: '别的条款' }), inYuan(call)] })
    assert.deepEqual(await codes(), [['CALL300', 1_000]])
    await town.control('products', { products: [inYuan(data, { terms: '别的条款', version: '2' })] })
    assert.deepEqual(await codes(), [['DATA20', 2_000]])
    await town.control('faults', { drop: 1 })
    const away = await viewOffers(resident, accountId)
    assert.equal(!away.ok && away.error.code, 'billing.product_offline')
  }, 'yuan'))

test('the doctor sees an ordering nobody told of, one delivered and given back, one kept after a refusal, and other words', () =>
  withTown(async town => {
    const { kernel, ctx, resident } = town
    const broken = async () => (await checkProducts(kernel.db, 1)).filter(check => check.ok === false).map(check => check.id)
    const done = unwrap(await town.order('DATA20'))
    await town.pay(done.payment!)
    await town.later(11)
    const back = unwrap(await town.order('CALL300'))
    await town.pay(back.payment!)
    unwrap(
      await undoPayment(ctx, {
        orderCode: back.payment!.code,
        payers: [`resident:${resident.actor.id}`],
        idempotencyKey: newCode(kernel.random),
      }),
    )
    await town.later(11)
    assert.deepEqual(await broken(), [])
    const change = async (text: string, values: unknown[], wrong: string[], undo: string) => {
      await queryIn(kernel, text, values)
      assert.deepEqual(await broken(), wrong, text)
      await queryIn(kernel, undo, values)
      assert.deepEqual(await broken(), [], undo)
    }
    const move = (to: number) => `update billing.posting set state = ${to} where order_id = $1`
    await change(move(5), [done.payment!.orderId], ['O2'], move(3))
    await change(move(3), [back.payment!.orderId], ['O2'], move(7))
    const amount = (fen: number) => `update billing.posting set amount_fen = ${fen} where order_id = $1`
    await change(amount(1), [done.payment!.orderId], ['O1'], amount(2_000))
    const words = (text: string) => `update billing.product_order set wording = '${text}' where code = $1`
    await change(words('别的话'), [done.code], ['O3'], words(WORDS))
  }))
