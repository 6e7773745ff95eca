import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Db } from '#kernel/db/index.ts'
import { queryIn, testCtx } from '#kernel/db/testing.ts'
import { newCode } from '#kernel/id.ts'
import { unwrap } from '#kernel/result.ts'
import { revokeShare, shareWith } from '#modules/identity/index.ts'
import { countLateBatches, runDebitExchange } from '#modules/payments/index.ts'
import {
  bindAccount,
  changeDebit,
  checkSettlements,
  getBill,
  listDebits,
  payBills,
  previewDebit,
  runDebitCollect,
  runSettlements,
  switchOffDebit,
  switchOnDebit,
  undoPayment,
} from '../index.ts'
import { cardOf, consentTo, TERMS, withTown } from './debit-support.ts'

const key = (n: number) => `key-${String(n).padStart(20, '0')}`

test(
  'a bill is debited on its day, once, with receipt, posting and word to its payer; the bank owes what the books say',
  { timeout: 120_000 },
  () =>
    withTown(async town => {
      const mother = await town.resident(1)
      const { accountId, code } = await town.bill(5_250, 4)
      const later = await town.bill(3_000, 20, accountId)
      const seen = await previewDebit(mother, accountId, TERMS)
      assert.deepEqual(seen, { day: '2026-11-24', amountFen: 5_250, isOverCeiling: false })
      await town.on(mother, accountId, cardOf(1))
      await town.goTo(0, 9)
      assert.deepEqual(await town.items(), [], 'its day has not come')
      await town.goTo(1, 7)
      assert.deepEqual(await town.items(), [{ bill: 'W1', try: 1, outcome: 'waiting', failure: null, amount: 5_250 }])
      for (const who of [mother, testCtx(town.kernel)]) {
        const found = unwrap(await getBill(who, code, [`resident:${mother.actor.id}`]))
        assert.deepEqual(
          found.checks.find(check => check.level === 'stop'),
          { level: 'stop', key: 'debiting', params: { on: '2026-11-24' } },
        )
        const paid = await payBills(who, {
          quote: found.quote,
          idempotencyKey: newCode(town.kernel.random),
          payer: `resident:${mother.actor.id}`,
          place: 'phone',
        })
        assert.equal(!paid.ok && paid.error.code, 'billing.bill_being_paid')
      }
      await town.goTo(0, 9)
      assert.deepEqual(await town.items(), [{ bill: 'W1', try: 1, outcome: 'debited', failure: null, amount: 5_250 }])
      assert.equal(await runDebitCollect(town.kernel, 1), 0)
      await town.goTo(0, 10)
      const { rows } = await queryIn(town.kernel, 'select state, amount_fen from billing.posting')
      assert.deepEqual(rows, [{ state: 3, amount_fen: 5_250 }])
      assert.deepEqual((await queryIn(town.kernel, 'select receipt_no from billing.receipt')).rows, [{ receipt_no: 'YM-20261124-000001' }])
      assert.deepEqual(Object.values((await town.books()).owed), [5_250])
      const told = await town.told(mother)
      assert.match(told[0]!, /自动扣款已开通/)
      assert.match(told[1]!, /已从您的卡里自动缴水费52\.50元/)
      const [debit] = unwrap(await listDebits(mother))
      assert.deepEqual(debit!.next, { day: '2026-12-10', amountFen: 3_000, isOverCeiling: false })
      assert.equal(debit!.items.length, 1)
      assert.ok(later.billId)
      assert.deepEqual(await town.faults(), [])
    }),
)

test(
  'too little money is tried again twice, a day apart; in between anybody may pay; then it is left to its payer',
  { timeout: 120_000 },
  () =>
    withTown(async town => {
      const [one, two] = [await town.resident(1), await town.resident(2)]
      const poor = await town.bill(9_000, 2)
      const helped = await town.bill(8_000, 2)
      await town.on(one, poor.accountId, cardOf(1))
      await town.on(two, helped.accountId, cardOf(2))
      for (const n of [1, 2]) await town.control('accounts', { card: cardOf(n), balance_fen: 100 })
      await town.goTo(0, 7)
      await town.goTo(0, 9)
      const found = unwrap(await getBill(two, helped.code, ['browser:x']))
      assert.ok(
        found.checks.every(check => check.level !== 'stop'),
        'free the moment the bank said no',
      )
      unwrap(await payBills(two, { quote: found.quote, idempotencyKey: key(1), payer: 'browser:x', place: 'phone' }))
      for (let day = 0; day < 4; day++) {
        await town.goTo(1, 7)
        await town.goTo(0, 9)
      }
      assert.deepEqual(
        (await town.items()).map(item => [item.bill.slice(1), item.try, item.outcome, item.failure]).map(([, ...rest]) => rest),
        [
          [1, 'failed', 'insufficient'],
          [2, 'failed', 'insufficient'],
          [3, 'failed', 'insufficient'],
          [1, 'failed', 'insufficient'],
        ],
      )
      const told = await town.told(one)
      assert.deepEqual(
        told.map(text => /明天会再扣/.test(text)),
        [false, true, true, false],
      )
      assert.match(told.at(-1)!, /不再自动扣这一期/)
      assert.deepEqual(await town.faults(), [])
    }),
)

test('a closed card suspends the mandate; over the ceiling nothing is debited and the payer is told once', { timeout: 120_000 }, () =>
  withTown(async town => {
    const [one, two] = [await town.resident(1), await town.resident(2)]
    const closed = await town.bill(1_000, 2)
    const next = await town.bill(1_100, 2, closed.accountId)
    const large = await town.bill(20_001, 2)
    const mandate = await town.on(one, closed.accountId, cardOf(1))
    await town.on(two, large.accountId, cardOf(2))
    await town.control('accounts', { card: cardOf(1), state: 'closed' })
    for (let day = 0; day < 3; day++) {
      await town.goTo(day === 0 ? 0 : 1, 7)
      await town.goTo(0, 9)
    }
    const outcomes = (await town.items()).map(item => `${item.try} ${item.outcome} ${item.failure}`).sort()
    assert.deepEqual(outcomes, ['0 over_ceiling null', '1 failed account_closed', '1 failed account_closed'])
    const [suspended] = unwrap(await listDebits(one))
    assert.deepEqual([suspended!.state, suspended!.why], ['suspended', 'account_closed'])
    assert.equal((await town.books()).mandates[0]!.state, 'ENDED')
    assert.equal((await town.told(one)).filter(text => /自动扣款已暂停/.test(text)).length, 2)
    assert.deepEqual((await town.told(two)).filter(text => /超过您定的上限/.test(text)).length, 1)
    // Made anew with another card it takes the place of the old one; a higher ceiling is another version.
    await town.on(one, closed.accountId, cardOf(3))
    const [fresh, old] = unwrap(await listDebits(one))
    assert.deepEqual([fresh!.state, old!.state, old!.id], ['active', 'ended', mandate])
    const [low] = unwrap(await listDebits(two))
    const raised = { mandateId: low!.id, version: 1, consent: consentTo({ ...TERMS, ceilingFen: 50_000 }) }
    const unproved = await changeDebit(testCtx(town.kernel, { kind: 'resident', id: two.actor.id }), raised)
    assert.equal(!unproved.ok && unproved.error.code, 'access.prove_first')
    unwrap(await changeDebit(two, raised))
    const again = await changeDebit(two, raised)
    assert.equal(!again.ok && again.error.code, 'billing.debit_changed')
    await town.goTo(1, 7)
    await town.goTo(0, 9)
    assert.equal(
      (await town.items()).filter(item => item.outcome === 'debited').length,
      3,
      'both by the new card, the large one under the new version',
    )
    assert.ok(next.billId)
    assert.deepEqual(await town.faults(), [])
  }),
)

test('switched off, nothing leaves any more, and what is at the bank already is said', { timeout: 120_000 }, () =>
  withTown(async town => {
    const one = await town.resident(1)
    const sent = await town.bill(1_000, 2)
    const waiting = await town.bill(2_000, 2)
    const [a, b] = [await town.on(one, sent.accountId, cardOf(1)), await town.on(one, waiting.accountId, cardOf(1))]
    await town.goTo(0, 7)
    assert.deepEqual(unwrap(await switchOffDebit(one, b)), { atBank: [] })
    await town.control('quirks', { hold: 'R' })
    await town.goTo(0, 9)
    assert.deepEqual(unwrap(await switchOffDebit(one, a)), { atBank: [{ day: '2026-11-23', amountFen: 1_000 }] })
    assert.deepEqual(unwrap(await switchOffDebit(one, a)), { atBank: [{ day: '2026-11-23', amountFen: 1_000 }] })
    await town.control('publish')
    await town.goTo(1, 9)
    assert.deepEqual((await town.items()).map(item => item.outcome).sort(), ['debited', 'withdrawn'])
    assert.deepEqual(new Set((await town.books()).mandates.map(m => m.state)), new Set(['ENDED']))
    const found = unwrap(await getBill(one, waiting.code, ['browser:x']))
    assert.equal(found.claim, undefined)
    assert.deepEqual(await town.faults(), [])
  }),
)

test(
  'its payer takes a debit back within ten minutes; the bank gives it back once, and taking it back as well is for people',
  { timeout: 120_000 },
  () =>
    withTown(async town => {
      const one = await town.resident(1)
      const { accountId } = await town.bill(4_000, 2)
      await town.on(one, accountId, cardOf(1))
      await town.goTo(0, 9)
      const [order] = (await queryIn(town.kernel, 'select code from payments."order"')).rows
      const undone = { orderCode: order.code, payers: [`resident:${one.actor.id}`], idempotencyKey: key(7) }
      const twice = await Promise.all([undoPayment(one, undone), undoPayment(one, { ...undone, idempotencyKey: key(8) })])
      assert.deepEqual(
        twice.map(done => unwrap(done).refunds).sort(),
        [0, 1],
        'from two pages at once: once, and neither is told that it was too late',
      )
      await town.settle()
      town.clock.advance(10_000)
      await town.settle()
      assert.deepEqual((await queryIn(town.kernel, 'select state, cause from payments.refund')).rows, [
        { state: 5, cause: 'undone_by_payer' },
      ])
      const books = await town.books()
      assert.deepEqual(Object.values(books.owed), [0])
      assert.equal(books.accounts[0]!.balance_fen, 50_000)
      assert.deepEqual(await town.faults(), [])
      await town.control('take_back', { order_no: books.debits[0]!.order_no })
      await town.goTo(1, 9)
      const { rows } = await queryIn(town.kernel, 'select class, severity from payments.break where resolved_at is null')
      assert.deepEqual(rows, [{ class: 'debit_conflict', severity: 1 }])
      assert.deepEqual(await town.faults(), [], 'no money of ours moved a second time')
    }),
)

test('a bank that never sends its return is late in sight; asked one by one it answers, and the batch is over', { timeout: 120_000 }, () =>
  withTown(async town => {
    const one = await town.resident(1)
    const { accountId } = await town.bill(4_000, 2)
    await town.on(one, accountId, cardOf(1))
    await town.control('quirks', { hold: 'AR' })
    await town.goTo(0, 9)
    const reader = testCtx(town.kernel, { permissions: new Set(['payments.debit.read']) })
    assert.equal(unwrap(await countLateBatches(reader)), 0)
    town.clock.advance(28 * 3_600_000)
    assert.equal(unwrap(await countLateBatches(reader)), 1)
    assert.deepEqual(
      (await town.items()).map(item => item.outcome),
      ['waiting'],
      'time alone releases nothing',
    )
    await town.settle()
    assert.deepEqual(
      (await town.items()).map(item => item.outcome),
      ['debited'],
    )
    assert.equal(unwrap(await countLateBatches(reader)), 0)
    await town.control('publish')
    await town.settle()
    assert.deepEqual((await queryIn(town.kernel, 'select state from payments.debit_batch')).rows, [{ state: 6 }])
    assert.deepEqual(await town.faults(), [])
  }),
)

test('a mandate ends on its last day, and with the share by which a family member saw the account', { timeout: 120_000 }, () =>
  withTown(async town => {
    const [mother, son] = [await town.resident(1), await town.resident(2)]
    const home = await town.bill(4_000, 9)
    const own = await town.bill(5_000, 9)
    await bindAccount(mother, `resident:${mother.actor.id}`, home.accountId, 'owner', null)
    await bindAccount(son, `resident:${son.actor.id}`, own.accountId, 'owner', null)
    const share = unwrap(await shareWith(mother, { ownerId: mother.actor.id, phone: '13800000002' }))
    await town.on(son, home.accountId, cardOf(1))
    await town.on(son, own.accountId, cardOf(1), { ...TERMS, untilOn: '2026-11-24' })
    await town.settle()
    assert.equal(unwrap(await listDebits(son)).filter(debit => debit.state === 'active').length, 2)
    unwrap(await revokeShare(mother, { shareId: share.id }))
    await town.settle()
    const left = unwrap(await listDebits(son)).filter(debit => debit.state === 'active')
    assert.deepEqual(
      left.map(debit => debit.accountId),
      [own.accountId],
    )
    await town.goTo(2, 7)
    assert.deepEqual(new Set(unwrap(await listDebits(son)).map(debit => debit.why)), new Set(['share_ended', 'term_over']))
    assert.equal((await town.told(son)).filter(text => /自动扣款已停用/.test(text)).length, 2)
    await town.goTo(6, 7)
    assert.deepEqual(await town.items(), [])
    assert.deepEqual(await town.faults(), [])
  }),
)

test('a debit taken back days later opens the bill again, takes the posting back, and suspends the mandate', { timeout: 120_000 }, () =>
  withTown(async town => {
    const one = await town.resident(1)
    const { accountId, code } = await town.bill(7_000, 2)
    await town.on(one, accountId, cardOf(1))
    await town.control('quirks', { hold: 'R' })
    await town.goTo(0, 9)
    const [debit] = (await town.books()).debits
    // The bank takes it back before its own return has come: the news waits for the return.
    await town.control('take_back', { order_no: debit!.order_no })
    await town.goTo(1, 9)
    assert.deepEqual(
      (await town.items()).map(item => item.outcome),
      ['waiting'],
    )
    await town.control('publish')
    await town.goTo(1, 9)
    await town.goTo(0, 11)
    assert.deepEqual(
      (await town.items()).map(item => [item.outcome, item.failure]),
      [['returned', 'refused']],
    )
    assert.deepEqual((await queryIn(town.kernel, 'select state from billing.posting')).rows, [{ state: 7 }])
    const found = unwrap(await getBill(one, code, ['browser:x']))
    assert.ok(found.checks.every(check => check.level !== 'stop'))
    const [suspended] = unwrap(await listDebits(one))
    assert.deepEqual([suspended!.state, suspended!.why], ['suspended', 'returned'])
    assert.ok((await town.told(one)).some(text => /退回了您的卡，账单变回未缴/.test(text)))
    assert.deepEqual(Object.values((await town.books()).owed), [0])
    await town.goTo(1, 11)
    assert.equal((await town.items()).length, 1, 'not tried again by itself')
    // What was collected and what went back stand in the biller's files, each once.
    for (let day = 0; day < 4; day++) await runSettlements(town.kernel, 1)
    const { rows: settled } = await queryIn(
      town.kernel,
      'select sum(collected_fen)::int as collected, sum(returned_fen)::int as returned from billing.settlement',
    )
    assert.deepEqual(settled, [{ collected: 7_000, returned: 7_000 }])
    assert.deepEqual(
      (await checkSettlements(town.kernel.db, 1)).filter(check => check.ok === false),
      [],
    )
    assert.deepEqual(await town.faults(), [])
  }),
)

test('a bank that loses answers, drops calls, cuts files and says no to files debits each bill once', { timeout: 170_000 }, () =>
  withTown(async town => {
    const people = await Promise.all([1, 2, 3, 4, 5, 6].map(n => town.resident(n)))
    for (const [i, person] of people.entries()) {
      const { accountId } = await town.bill(1_000 + i, 2)
      await town.on(person, accountId, cardOf(i))
    }
    await town.control('quirks', { truncate: true, nacks: 1, repeat: true })
    await town.control('faults', { drop: 0.2, fail_after_commit: 0.3 })
    for (let hour = 9; hour < 16; hour++) await town.goTo(0, hour)
    await town.control('faults', { drop: 0, fail_after_commit: 0 })
    await town.goTo(0, 17)
    const refused = (await queryIn(town.kernel, "select count(*)::int as n from payments.debit_file where kind = '?'")).rows[0].n
    assert.ok(refused > 0, 'a cut file is refused whole')
    const [out] = (await queryIn(town.kernel, "select name from payments.debit_file where kind = 'O'")).rows
    await town.control('mend', { name: out.name.replace(/^YM_/, '').replace('_O', '_R'), out: out.name })
    await town.goTo(1, 9)
    assert.deepEqual(new Set((await town.items()).map(item => `${item.try} ${item.outcome}`)), new Set(['1 debited']))
    const books = await town.books()
    assert.equal(books.debits.length, people.length)
    assert.deepEqual(books.accounts.map(account => account.balance_fen).sort(), people.map((_, i) => 49_000 - i).sort())
    assert.equal(
      Object.values(books.owed).reduce((sum, fen) => sum + fen, 0),
      people.reduce((sum, _, i) => sum + 1_000 + i, 0),
    )
    assert.deepEqual(await town.faults(), [])
  }),
)

test('only a resident gives a mandate, in words and within bounds, for a card that is one and theirs; nobody ends that of another', () =>
  withTown(async town => {
    const one = await town.resident(1)
    const { accountId } = await town.bill(1_000, 20)
    const give = (change: object = {}, who = one, n = 1) =>
      switchOnDebit(who, { accountId, card: cardOf(1), consent: consentTo(TERMS), idempotencyKey: key(n), ...change })
    const codeOf = async (made: ReturnType<typeof give>) => {
      const done = await made
      return done.ok ? 'ok' : done.error.code
    }
    const anonymous = testCtx(town.kernel, { kind: 'anonymous', id: 'a' })
    const clerk = testCtx(town.kernel, { permissions: new Set(['payments.debit.read']) })
    assert.equal(await codeOf(give({}, anonymous)), 'access.sign_in_first')
    assert.equal(await codeOf(give({}, clerk)), 'access.denied')
    const longAgo = { ...one, actor: { ...one.actor, provedAt: new Date(town.clock.now().getTime() - 31 * 60_000) } }
    assert.equal(await codeOf(give({}, longAgo)), 'access.prove_first')
    assert.equal(await codeOf(give({ consent: { ...consentTo(TERMS), isGiven: false } })), 'billing.debit_consent_missing')
    assert.equal(await codeOf(give({ consent: consentTo({ ...TERMS, ceilingFen: 0 }) })), 'billing.debit_ceiling')
    assert.equal(await codeOf(give({ consent: consentTo({ ...TERMS, ceilingFen: 1e15 }) })), 'billing.debit_ceiling')
    assert.equal(await codeOf(give({ consent: consentTo({ ...TERMS, daysBefore: 2 }) })), 'billing.debit_days')
    assert.equal(await codeOf(give({ consent: consentTo({ ...TERMS, untilOn: '2026-11-22' }) })), 'billing.debit_until')
    assert.equal(await codeOf(give({ card: '6200580000000000' })), 'payments.card_malformed')
    assert.equal(await codeOf(give({ accountId: '01900000-0000-7000-8000-000000000000' })), 'billing.account_not_found')
    assert.equal(await codeOf(give({ idempotencyKey: undefined })), 'idempotency.key_missing')
    // Of a card that is another's the bank knows another telephone.
    await town.control('accounts', { card: cardOf(9), phone: '13999999999' })
    assert.equal(await codeOf(give({ card: cardOf(9) }, one, 2)), 'billing.debit_bank_refused')
    assert.deepEqual(unwrap(await listDebits(one)), [])
    assert.equal(await codeOf(give({}, one, 3)), 'ok')
    assert.equal(await codeOf(give({}, one, 3)), 'ok', 'the same form twice')
    assert.equal(await codeOf(give({}, one, 4)), 'billing.debit_exists')
    const [debit] = unwrap(await listDebits(one))
    const two = await town.resident(2)
    for (const who of [two, anonymous, clerk]) {
      assert.equal((await switchOffDebit(who, debit!.id)).ok, false)
      assert.equal((await changeDebit(who, { mandateId: debit!.id, version: 1, consent: consentTo(TERMS) })).ok, false)
    }
    assert.equal((await switchOffDebit({ ...one, tenantId: 2 }, debit!.id)).ok, false)
    assert.deepEqual(unwrap(await listDebits(two)), [])
    assert.equal(unwrap(await listDebits(one))[0]!.state, 'active')
    assert.deepEqual(await town.faults(), [])
  }))

test('killed before or after any step of the day and started again, each bill is debited once', { timeout: 170_000 }, () =>
  withTown(async town => {
    let died = 0
    for (let step = 1; step < 16; step++) {
      const one = await town.resident(step)
      const { accountId } = await town.bill(1_000 + step, 2)
      await town.on(one, accountId, cardOf(step))
      const fault = { left: step >> 1, isAfter: step % 2 === 1 }
      await town.goTo(1, 5)
      town.clock.advance(2 * 3_600_000)
      const live = { ...town.kernel, db: dying(town.kernel.db, fault) }
      const day = async (kernel: typeof town.kernel) => {
        await runDebitCollect(kernel, 1)
        town.clock.advance(3_600_000)
        await runDebitExchange(kernel, 1)
      }
      await day(live).catch(error => {
        assert.equal(error.message, 'killed')
        died++
      })
      await town.goTo(0, 12)
      await town.goTo(0, 13)
    }
    assert.ok(died > 8, `${died} kills happened`)
    const items = await town.items()
    assert.deepEqual(new Set(items.map(item => `${item.try} ${item.outcome}`)), new Set(['1 debited']))
    const books = await town.books()
    assert.equal(books.debits.length, items.length)
    assert.deepEqual(books.accounts.map(account => account.balance_fen).sort(), Array.from({ length: 15 }, (_, i) => 48_999 - i).sort())
    assert.deepEqual(await town.faults(), [])
  }),
)

/** A database whose process dies at a transaction: before anything of it is kept, or right after all of it is. */
function dying(db: Db, fault: { left: number; readonly isAfter: boolean }): Db {
  return {
    ...db,
    async tx(tenantId, work) {
      if (fault.left-- === 0) {
        if (fault.isAfter) await db.tx(tenantId, work)
        throw new Error('killed')
      }
      return db.tx(tenantId, work)
    },
  }
}
