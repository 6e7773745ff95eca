import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Ctx, makeId, systemCtx } from '#kernel/context.ts'
import { sql } from '#kernel/db/index.ts'
import { testCtx, withTestDb } from '#kernel/db/testing.ts'
import { newCode } from '#kernel/id.ts'
import { unwrap } from '#kernel/result.ts'
import { addMs, manualClock, startOfDay } from '#kernel/time.ts'
import { ensureAccount } from '#modules/ledger/index.ts'
import {
  askSwitch,
  decideSwitch,
  FEATURES,
  getBill,
  payBills,
  previewSwitch,
  restoreFeature,
  runSwitchover,
  type SwitchTerms,
  setAreaRule,
  takeBack,
  viewSwitchover,
} from '../index.ts'
import * as store from '../store.ts'
import { AREAS_MAX, faultOf, isUsedUp, type Plan, placeOf, standingAmong, standingUnder } from '../switchover/model.ts'

const MORNING = addMs(startOfDay('2026-12-01'), 9 * 3_600_000)
const termsOf = (more: Partial<SwitchTerms> = {}): SwitchTerms => ({
  feature: 'online',
  areas: [],
  steps: [
    { from: MORNING.toISOString(), pct: 10 },
    { from: addMs(MORNING, 3 * 3_600_000).toISOString(), pct: 50 },
    { from: addMs(MORNING, 24 * 3_600_000).toISOString(), pct: 100 },
  ],
  budget_e4: 200,
  triesMin: 10,
  windowMin: 15,
  ...more,
})
const planOf = (more: Partial<SwitchTerms> = {}): Plan => ({ ...termsOf(more), id: 'p', endedAt: null })

test('who is in stays in as the share grows, and the share is what the step says', () => {
  fc.assert(
    fc.property(fc.uuid(), fc.constantFrom(...FEATURES), fc.nat({ max: 30 }), (id, feature, hours) => {
      const plan = planOf({ feature })
      const now = standingUnder(plan, id, addMs(MORNING, hours * 3_600_000))
      const later = standingUnder(plan, id, addMs(MORNING, (hours + 1) * 3_600_000))
      if (now.isOn) assert.ok(later.isOn)
      // Off by the ramp alone: the page can say from when it is on, and then it is.
      if (!now.isOn) assert.ok(now.from && standingUnder(plan, id, now.from).isOn)
    }),
    { numRuns: 1_000 },
  )
  const ids = Array.from({ length: 20_000 }, (_, i) => `00000000-0000-7000-8000-${String(i).padStart(12, '0')}`)
  for (const pct of [1, 10, 50]) {
    const inside = ids.filter(id => placeOf('online', id) < pct / 100).length / ids.length
    assert.ok(Math.abs(inside - pct / 100) < 0.01, `${pct}%: ${inside}`)
  }
})

test('before its first step, outside of its hours and once taken back a plan leaves the feature off', () => {
  const everybody = { steps: [{ from: MORNING.toISOString(), pct: 100 }] }
  const id = '00000000-0000-7000-8000-000000000001'
  const at = (hours: number) => addMs(MORNING, hours * 3_600_000)
  assert.deepEqual(standingUnder(planOf(everybody), id, at(-1)), { isOn: false, from: MORNING })
  const byDay = planOf({ ...everybody, openFrom: '08:00', openUntil: '17:00' })
  assert.equal(standingUnder(byDay, id, at(1)).isOn, true)
  assert.equal(standingUnder(byDay, id, at(8)).isOn, false)
  assert.equal(standingUnder({ ...planOf(everybody), endedAt: at(2) }, id, at(3)).isOn, false)
})

test('a plan is refused where its steps, hours or budget make no sense', () => {
  const now = addMs(MORNING, -3_600_000)
  const fault = (more: Partial<SwitchTerms>) => faultOf(termsOf(more), now)
  assert.equal(fault({}), undefined)
  assert.equal(fault({ feature: 'nonsense' as never }), 'feature')
  assert.equal(fault({ areas: ['\0'] }), 'areas')
  assert.equal(fault({ areas: Array.from({ length: AREAS_MAX + 1 }, () => '990000000001') }), 'areas')
  assert.equal(fault({ steps: [] }), 'steps')
  assert.equal(fault({ steps: [{ from: '+275000-01-01T00:00:00.000Z', pct: 10 }] }), 'steps')
  assert.equal(fault({ steps: [{ from: now.toISOString(), pct: 10 }] }), 'steps')
  assert.equal(fault({ steps: [{ from: 'never', pct: 10 }] }), 'steps')
  assert.equal(fault({ steps: [...termsOf().steps].reverse() }), 'steps')
  assert.equal(fault({ openFrom: '08:00' }), 'hours')
  assert.equal(fault({ openFrom: '18:00', openUntil: '08:00' }), 'hours')
  assert.equal(fault({ budget_e4: 10_001 }), 'budget')
  assert.equal(fault({ triesMin: 0 }), 'budget')
  assert.equal(isUsedUp(termsOf(), 9, 9), false, 'too few to tell')
  assert.equal(isUsedUp(termsOf(), 100, 2), false, 'just within')
  assert.equal(isUsedUp(termsOf(), 100, 3), true)
})

test('however plans are agreed on, withdrawn and overlap, a later one changes nothing before its first step', () => {
  const id = '00000000-0000-7000-8000-000000000001'
  const at = (hours: number) => addMs(MORNING, hours * 3_600_000)
  const [begins, isOver, spoken] = [
    fc.integer({ min: -9, max: 9 }),
    fc.option(fc.integer({ min: -9, max: 9 })),
    fc.constantFrom([], ['a'], ['b']),
  ]
  const plan = fc.record({ begins, isOver, areas: spoken }).map(
    (p): Plan => ({
      ...planOf({ areas: [...p.areas], steps: [{ from: at(p.begins).toISOString(), pct: 100 }] }),
      endedAt: p.isOver === null ? null : at(p.isOver),
    }),
  )
  fc.assert(
    fc.property(fc.array(plan, { maxLength: 6 }), plan, fc.constantFrom('a', 'b', undefined), begins, (plans, newest, area, hour) => {
      const now = at(hour)
      const before = standingAmong(plans, area, id, now)
      const after = standingAmong([newest, ...plans], area, id, now)
      const isSpoken = newest.areas.length === 0 || (area !== undefined && newest.areas.includes(area))
      const begun = new Date(newest.steps[0]!.from)
      const isHeld = plans.some(p => {
        const from = new Date(p.steps[0]!.from)
        return (p.areas.length === 0 || (area && p.areas.includes(area))) && from <= now && !(p.endedAt && p.endedAt < from)
      })
      if (!isSpoken) assert.deepEqual(after, before)
      else if (begun > now && isHeld) assert.equal(after.isOn, before.isOn, 'not begun')
      else if (begun > now && newest.endedAt) assert.deepEqual(after, before, 'withdrawn before it began')
      else if (begun > now) assert.equal(after.isOn, false, 'a first plan waits')
      else if (!newest.endedAt) assert.equal(after.isOn, true, 'begun')
      else if (newest.endedAt >= begun && newest.endedAt <= now) assert.equal(after.isOn, false, 'taken back')
    }),
    { numRuns: 2_000 },
  )
})

interface World {
  readonly ctx: Ctx
  readonly clock: ReturnType<typeof manualClock>
  readonly manager: Ctx
  readonly approver: Ctx
  bill(address: string): Promise<{ code: string; accountId: string }>
}

const world = (work: (w: World) => Promise<void>) =>
  withTestDb(async base => {
    const clock = manualClock(addMs(MORNING, -3_600_000))
    const kernel = { ...base, clock }
    const as = (n: number, ...permissions: string[]) =>
      testCtx(kernel, { id: `01900000-0000-7000-8000-${String(n).padStart(12, '0')}`, permissions: new Set(permissions) })
    const ctx = systemCtx(kernel, 1, 'test')
    await kernel.db.tx(1, async tx => {
      const payableAccountId = await ensureAccount(tx, ctx, '2202:water')
      const names = { nameZh: '水', nameEn: 'Water', serviceZh: '水费', serviceEn: 'Water' }
      const account = { pattern: '^1', check: 'none', length: 10, example: '1' }
      const config = {
        account,
        late_fee: { grace_days: 0, rate_per_day_e6: 0 },
        partial_payment: 'none',
        posting_window_min: 60,
        cycle_months: 2,
        mappings: {},
      }
      await store.upsertBiller(
        tx,
        1,
        { id: 'water', ...names, unit: 'm3', payableAccountId, isOnline: true, config: config as never },
        clock.now(),
      )
    })
    let serial = 0
    await work({
      ...{ ctx, clock, manager: as(1, 'billing.switchover.ask', 'billing.switchover.read'), approver: as(2, 'billing.switchover.agree') },
      async bill(address) {
        const [id, accountId, code] = [makeId(ctx), makeId(ctx), newCode(kernel.random)]
        await kernel.db.tx(1, async tx => {
          await tx.run(sql`
            insert into billing.account (tenant_id, id, biller_id, account_no, holder_mask, address_mask, is_closed, opened_at)
            values (1, ${accountId}, 'water', ${String(1_000_000_000 + ++serial)}, '王**', ${address}, false, ${clock.now()})`)
          await tx.run(sql`
            insert into billing.bill (tenant_id, id, code, biller_id, account_id, bill_no, period_from, period_to, amount_fen, due_on, lines, issued_at)
            values (1, ${id}, ${code}, 'water', ${accountId}, ${`W${id.slice(-10)}`}, '2026-10', '2026-11', 5000, '2099-01-01', '[]', ${clock.now()})`)
        })
        return { code, accountId }
      },
    })
  })

test('a plan for one community holds there alone, from its moment on; who is out is told from when, and the server refuses too', () =>
  world(async ({ ctx, clock, manager, approver, bill }) => {
    const [here, there, nowhere] = [await bill('青砖一村***'), await bill('青砖新村***'), await bill('***')]
    unwrap(await setAreaRule(manager, { prefix: '青砖', areaCode: '990000000002' }))
    unwrap(await setAreaRule(manager, { prefix: '青砖一村', areaCode: '990000000001' }))
    const terms = termsOf({ areas: ['990000000001'], steps: [{ from: MORNING.toISOString(), pct: 100 }] })
    assert.deepEqual(
      unwrap(await previewSwitch(manager, terms)).steps.map(step => step.accounts),
      [1],
    )
    const { id } = unwrap(await askSwitch(manager, { ...terms, note: '先开一村' }))
    const stop = async (code: string) => unwrap(await getBill(ctx, code, [], 'online')).checks.find(check => check.level === 'stop')
    assert.equal(await stop(here.code), undefined, 'asked for is not agreed')
    assert.equal((await decideSwitch(manager, { id, isAgreed: true })).ok, false, 'not by who asked')
    assert.ok((await decideSwitch(approver, { id, isAgreed: true })).ok)
    assert.deepEqual(await stop(here.code), { level: 'stop', key: 'not_open', params: { from: MORNING.toISOString() } })
    assert.equal(await stop(there.code), undefined)
    assert.equal(await stop(nowhere.code), undefined)
    const shown = unwrap(await getBill(ctx, here.code, []))
    const pay = (key: string, place: 'phone' | 'window' = 'phone') =>
      payBills(ctx, { quote: shown.quote, idempotencyKey: key.repeat(26), payer: 'browser:1', place })
    const refused = await pay('a')
    assert.equal(refused.ok ? '' : refused.error.code, 'billing.feature_off')
    clock.set(MORNING)
    assert.equal(await stop(here.code), undefined)
    const again = unwrap(await getBill(ctx, here.code, []))
    assert.ok((await payBills(ctx, { quote: again.quote, idempotencyKey: 'b'.repeat(26), payer: 'browser:1', place: 'phone' })).ok)
    assert.ok((await takeBack(manager, { id, note: '窗口说付不了' })).ok)
    assert.equal((await stop((await bill('青砖一村***')).code))?.key, 'not_open')
    assert.equal((await stop(here.code))?.key, 'paying', 'what was begun may be ended')
    const over = await takeBack(manager, { id, note: '再来一次' })
    assert.equal(over.ok ? '' : over.error.code, 'billing.switch_decided')
    // The way on again, by another person than who switched it off.
    const seeing = (who: typeof manager) => ({
      ...who,
      actor: { ...who.actor, permissions: new Set([...who.actor.permissions, 'billing.switchover.read']) },
    })
    const mayRestore = async (who: typeof manager) =>
      unwrap(await viewSwitchover(seeing(who))).plans.find(plan => plan.id === id)?.mayRestore
    assert.deepEqual([await mayRestore(manager), await mayRestore(approver)], [false, true])
    assert.equal((await restoreFeature(manager, { id, note: '好了' })).ok, false)
    assert.equal((await restoreFeature(approver, { id, note: ' ' })).ok, false)
    assert.ok((await restoreFeature(approver, { id, note: '好了' })).ok)
    assert.equal((await restoreFeature(approver, { id, note: '好了' })).ok, false, 'once')
    assert.equal(await stop((await bill('青砖一村***')).code), undefined)
    const later = unwrap(
      await askSwitch(manager, { ...termsOf({ steps: [{ from: addMs(clock.now(), 3_600_000).toISOString(), pct: 100 }] }), note: '再来' }),
    )
    const { impact } = unwrap(await viewSwitchover(seeing(approver))).plans.find(plan => plan.id === later.id)!
    assert.ok(impact!.now > 0 && impact!.before === 0, 'who agrees sees what stops at once')
    assert.ok((await decideSwitch(approver, { id: later.id, isAgreed: true })).ok)
    assert.equal((await stop((await bill('青砖一村***')).code))?.key, 'not_open')
    assert.ok((await takeBack(manager, { id: later.id, note: '算了' })).ok)
    assert.equal(await stop((await bill('青砖一村***')).code), undefined, 'cancelled before it began, all is as it was')
  }))

test('when too many tries fail the feature is taken back by itself, once, with its figures and a task', () =>
  world(async ({ ctx, clock, manager, approver, bill }) => {
    const { id } = unwrap(await askSwitch(manager, { ...termsOf({ steps: [{ from: MORNING.toISOString(), pct: 100 }] }), note: '全开' }))
    assert.ok((await decideSwitch(approver, { id, isAgreed: true })).ok)
    clock.set(addMs(MORNING, 60_000))
    const begin = async (n: number, isFailing: boolean) => {
      const { code } = await bill('***')
      const { quote } = unwrap(await getBill(ctx, code, []))
      const order = unwrap(
        await payBills(ctx, { quote, idempotencyKey: newCode(ctx.kernel.random), payer: `browser:${n}`, place: 'phone' }),
      )
      if (isFailing)
        await ctx.kernel.db.tx(1, tx =>
          tx.run(sql`
            insert into payments.attempt (tenant_id, id, order_id, state, amount_fen, created_at, expires_at, channel, posting_accounts, posting_amounts, paid_event, mchid, product, out_trade_no, failure)
            values (1, ${makeId(ctx)}, ${order.orderId}, 6, 5000, ${clock.now()}, ${clock.now()}, 'wechat', '{1,2}', '{5000,-5000}', '', 'm', 'h5', ${`y${order.orderId.slice(0, 20)}`}, 'SYSTEMERROR')`),
        )
    }
    for (let n = 0; n < 9; n++) await begin(n, true)
    assert.equal(await runSwitchover(ctx.kernel, 1), 0, 'nine tries say nothing')
    await begin(9, false)
    assert.equal(await runSwitchover(ctx.kernel, 1), 1)
    assert.equal(await runSwitchover(ctx.kernel, 1), 0)
    const [plan] = unwrap(await viewSwitchover(manager)).plans
    assert.deepEqual([plan?.endWhy, plan?.tries, plan?.failures], ['budget', 10, 9])
    const tasks = await ctx.kernel.db.read(1, tx => tx.rows(sql`select kind from tasks.task where subject_id = ${id}`))
    assert.deepEqual(tasks, [{ kind: 'billing.switched_back' }])
    clock.advance(20 * 60_000)
    const next = unwrap(
      await askSwitch(manager, { ...termsOf({ steps: [{ from: addMs(clock.now(), 60_000).toISOString(), pct: 100 }] }), note: '修好了' }),
    )
    assert.ok((await decideSwitch(approver, { id: next.id, isAgreed: true })).ok)
    clock.advance(120_000)
    assert.equal(await runSwitchover(ctx.kernel, 1), 0, 'failures of before count for nothing')
    const { code } = await bill('***')
    assert.equal(
      unwrap(await getBill(ctx, code, [], 'online')).checks.some(check => check.key === 'not_open'),
      false,
    )
  }))

test('agreeing to a later plan leaves the running one as it is until the first step, then the earlier one ends', () =>
  world(async ({ ctx, clock, manager, approver, bill }) => {
    const agree = async (hours: number, pct: number) => {
      const terms = termsOf({ steps: [{ from: addMs(MORNING, hours * 3_600_000).toISOString(), pct }] })
      const { id } = unwrap(await askSwitch(manager, { ...terms, note: '下一步' }))
      const preview = unwrap(await previewSwitch(manager, terms))
      assert.ok((await decideSwitch(approver, { id, isAgreed: true })).ok)
      return { id, before: preview.before }
    }
    const { code } = await bill('***')
    const isOpen = async () => !unwrap(await getBill(ctx, code, [], 'online')).checks.some(check => check.key === 'not_open')
    const first = await agree(0, 100)
    assert.equal(first.before, 0, 'a first plan keeps it off until its first step')
    clock.set(addMs(MORNING, 60_000))
    assert.ok(await isOpen())
    const second = await agree(48, 0)
    assert.equal(second.before, 1)
    await runSwitchover(ctx.kernel, 1)
    assert.ok(await isOpen())
    const third = await agree(72, 100)
    assert.ok((await takeBack(manager, { id: third.id, note: '不用了' })).ok)
    assert.ok(await isOpen(), 'what is withdrawn before it begins changes nothing')
    clock.set(addMs(MORNING, 49 * 3_600_000))
    assert.equal(await isOpen(), false)
    await runSwitchover(ctx.kernel, 1)
    const ends = unwrap(await viewSwitchover(manager)).plans.map(plan => [plan.id, plan.endWhy])
    assert.deepEqual(Object.fromEntries(ends), { [first.id]: 'replaced', [second.id]: null, [third.id]: 'person' })
  }))

test('who may not, may not: asking, agreeing, taking back and seeing each need their own permission', () =>
  world(async ({ manager, approver }) => {
    const nobody = testCtx(manager.kernel as never, { permissions: new Set<string>() })
    const terms = { ...termsOf(), note: 'x' }
    for (const done of [
      await askSwitch(nobody, terms),
      await previewSwitch(nobody, terms),
      await viewSwitchover(nobody),
      await takeBack(nobody, { id: 'x', note: 'y' }),
      await setAreaRule(nobody, { prefix: '青砖', areaCode: '990000000001' }),
      await askSwitch(approver, terms),
      await decideSwitch(nobody, { id: 'x', isAgreed: true }),
    ])
      assert.equal(done.ok ? '' : done.error.status, 403)
    const { id } = unwrap(await askSwitch(manager, terms))
    assert.ok((await decideSwitch(manager, { id, isAgreed: false })).ok, 'who asked may take it back')
  }))
