import { type Ctx, type Kernel, makeId, permit, systemCtx } from '#kernel/context.ts'
import type { Tx } from '#kernel/db/index.ts'
import { isUuid } from '#kernel/id.ts'
import { catching, fail, ok, type Result, unwrap } from '#kernel/result.ts'
import { addMs, OFFICE_HOURS } from '#kernel/time.ts'
import { defineTaskKind, openTask } from '#modules/tasks/index.ts'
import { append } from '#modules/trail/index.ts'
import { errors } from '../errors.ts'
import { areaRuleRemoved, areaRuleSet, switchAsked, switchDecided, switchEnded } from '../events.ts'
import {
  AREA_CODE,
  type Feature,
  faultOf,
  hasBegun,
  isUsedUp,
  type Plan,
  placeOf,
  type Standing,
  standingAmong,
  stepAt,
  successorOf,
  type Terms,
} from './model.ts'
import * as store from './store.ts'

export type SwitchPlan = store.PlanRow

const OFFICE_DAY_MIN = OFFICE_HOURS.spans.reduce((sum, [open, close]) => sum + close - open, 0)
/** Somebody finds out why a feature was taken back. */
const BACK_TASK = defineTaskKind({ kind: 'billing.switched_back', clock: 'working', minutes: OFFICE_DAY_MIN })
const NOTE_CHARS_MAX = 200
const ACCOUNTS_MAX = 500_000
/** Where the tries of a feature are made; the others have none of their own to fail. */
const PLACES: Partial<Record<Feature, string>> = { online: 'phone', kiosk: 'kiosk' }

const actorKey = ({ actor }: Ctx): string => (actor.kind === 'system' ? 'system' : `${actor.kind}:${actor.id}`)
const cleanNote = (note: string): string => note.toWellFormed().replaceAll('\0', '').trim().slice(0, NOTE_CHARS_MAX)

/** Whether a feature is on for an account now. Without any plan that speaks for it, it is. */
export async function standingOf(tx: Tx, ctx: Ctx, feature: Feature, accountId: string): Promise<Standing> {
  const plans = await store.listAgreed(tx, ctx.tenantId, feature)
  if (plans.length === 0) return { isOn: true }
  return standingAmong(plans, await store.findAreaOf(tx, ctx.tenantId, accountId), accountId, ctx.kernel.clock.now())
}

/** Refuses what is not on yet for an account, in the caller's transaction. What was begun before may be ended. */
export async function requireOn(tx: Tx, ctx: Ctx, feature: Feature, accountId: string): Promise<void> {
  const standing = await standingOf(tx, ctx, feature, accountId)
  if (!standing.isOn) unwrap(fail(errors.feature_off, { feature, from: standing.from?.toISOString() ?? '' }))
}

export interface SwitchPreview {
  /** Accounts the plan speaks for. */
  readonly accounts: number
  /** Of them, those for whom the feature is on now. */
  readonly now: number
  /** Of them, those for whom it is on from the agreement to the first step. */
  readonly before: number
  /** Of them, those inside from each step on. */
  readonly steps: readonly { readonly from: string; readonly pct: number; readonly accounts: number }[]
}

const readTerms = (ctx: Ctx, terms: Terms): Result<void> => {
  const fault = faultOf(terms, ctx.kernel.clock.now())
  return fault ? fail(errors.switch_malformed, undefined, fault) : ok(undefined)
}

/** Whom a plan would let in, and when, counted on the accounts there are. */
export async function previewSwitch(ctx: Ctx, terms: Terms): Promise<Result<SwitchPreview>> {
  const allowed = permit(ctx, 'billing.switchover.ask')
  if (!allowed.ok) return allowed
  const read = readTerms(ctx, terms)
  if (!read.ok) return read
  return ok(await ctx.kernel.db.read(ctx.tenantId, tx => impactOf(tx, ctx, { ...terms, id: '', endedAt: null })))
}

/** What agreeing to a plan does, counted on the accounts there are. */
async function impactOf(tx: Tx, ctx: Ctx, plan: Plan): Promise<SwitchPreview> {
  const rows = await store.listAccountAreas(tx, ctx.tenantId, plan.areas, ACCOUNTS_MAX)
  const agreed = (await store.listAgreed(tx, ctx.tenantId, plan.feature)).filter(other => other.id !== plan.id)
  const at = ctx.kernel.clock.now()
  const places = rows.map(row => placeOf(plan.feature, row.id))
  const on = (plans: readonly Plan[]) => rows.filter(row => standingAmong(plans, row.area ?? undefined, row.id, at).isOn).length
  return {
    accounts: rows.length,
    now: on(agreed),
    before: on([plan, ...agreed]),
    steps: plan.steps.map(step => ({ ...step, accounts: places.filter(place => place < step.pct / 100).length })),
  }
}

/** Asks for a plan; it holds once a second person agrees, before its first moment. */
export async function askSwitch(ctx: Ctx, input: Terms & { readonly note: string }): Promise<Result<{ readonly id: string }>> {
  const allowed = permit(ctx, 'billing.switchover.ask')
  if (!allowed.ok) return allowed
  const read = readTerms(ctx, input)
  if (!read.ok) return read
  const note = cleanNote(input.note)
  if (!note) return fail(errors.switch_malformed, undefined, 'note')
  return ctx.kernel.db.tx(ctx.tenantId, async tx => {
    const id = makeId(ctx)
    await store.insertPlan(tx, ctx.tenantId, { ...input, id, note, askedBy: actorKey(ctx), askedAt: ctx.kernel.clock.now() })
    const { feature, areas, steps, budget_e4 } = input
    await append(tx, ctx, switchAsked, { subjectId: id, body: { feature, areas: [...areas], steps: [...steps], budget_e4 } })
    return ok({ id })
  })
}

/** A second person decides; whoever asked may only take it back. An agreed plan takes the place of earlier ones at its first step. */
export async function decideSwitch(ctx: Ctx, input: { readonly id: string; readonly isAgreed: boolean }): Promise<Result<void>> {
  const mayAgree = permit(ctx, 'billing.switchover.agree')
  return catching(() =>
    ctx.kernel.db.tx(ctx.tenantId, async tx => {
      const row = isUuid(input.id) ? await store.lockPlan(tx, ctx.tenantId, input.id) : undefined
      const isOwn = row?.askedBy === actorKey(ctx)
      if (!mayAgree.ok && !(isOwn && !input.isAgreed && permit(ctx, 'billing.switchover.ask').ok)) return unwrap(mayAgree)
      if (!row) return unwrap(fail(errors.switch_not_found))
      if (row.decidedAt) return unwrap(fail(errors.switch_decided))
      if (isOwn && input.isAgreed) return unwrap(fail(errors.switch_own))
      const at = ctx.kernel.clock.now()
      if (input.isAgreed && new Date(row.steps[0]!.from) <= at) return unwrap(fail(errors.switch_late))
      await store.decidePlan(tx, ctx.tenantId, { id: row.id, by: actorKey(ctx), at, isAgreed: input.isAgreed })
      await append(tx, ctx, switchDecided, { subjectId: row.id, body: { is_agreed: input.isAgreed } })
    }),
  )
}

/** Takes a feature back at once. One person is enough: going back must never wait. */
export async function takeBack(ctx: Ctx, input: { readonly id: string; readonly note: string }): Promise<Result<void>> {
  const allowed = permit(ctx, 'billing.switchover.ask')
  if (!allowed.ok) return allowed
  const note = cleanNote(input.note)
  if (!note) return fail(errors.switch_malformed, undefined, 'back-note')
  return catching(() =>
    ctx.kernel.db.tx(ctx.tenantId, async tx => {
      const row = isUuid(input.id) ? await store.lockPlan(tx, ctx.tenantId, input.id) : undefined
      if (!row?.isAgreed) return unwrap(fail(errors.switch_not_found))
      if (!(await end(tx, ctx, { id: row.id, by: actorKey(ctx), why: 'person', note }))) return unwrap(fail(errors.switch_decided))
    }),
  )
}

/** The feature is on again for everybody a plan that was taken back spoke for. By another person than who took it back. */
export async function restoreFeature(ctx: Ctx, input: { readonly id: string; readonly note: string }): Promise<Result<void>> {
  const allowed = permit(ctx, 'billing.switchover.agree')
  if (!allowed.ok) return allowed
  const note = cleanNote(input.note)
  if (!note) return fail(errors.switch_malformed, undefined, 'back-note')
  return catching(() =>
    ctx.kernel.db.tx(ctx.tenantId, async tx => {
      const row = isUuid(input.id) ? await store.lockPlan(tx, ctx.tenantId, input.id) : undefined
      if (!row?.isAgreed) return unwrap(fail(errors.switch_not_found))
      if (row.endedBy === actorKey(ctx)) return unwrap(fail(errors.switch_own))
      const at = ctx.kernel.clock.now()
      if (!(await store.restorePlan(tx, ctx.tenantId, { id: row.id, by: actorKey(ctx), at, note })))
        return unwrap(fail(errors.switch_decided))
      await append(tx, ctx, switchEnded, { subjectId: row.id, body: { why: 'restored' } })
    }),
  )
}

const triesOf = (tx: Tx, ctx: Ctx, plan: store.PlanRow): Promise<{ tries: number; failures: number }> => {
  const place = PLACES[plan.feature]
  if (!place) return Promise.resolve({ tries: 0, failures: 0 })
  const begun = new Date(plan.steps[0]!.from)
  const windowed = addMs(ctx.kernel.clock.now(), -plan.windowMin * 60_000)
  return store.countTries(tx, ctx.tenantId, { place, since: begun > windowed ? begun : windowed, areas: plan.areas })
}

type End = Parameters<typeof store.endPlan>[2]

/** Ends a plan and says so on the trail; false when it had ended before. */
async function end(tx: Tx, ctx: Ctx, { why, tries, failures, ...how }: Omit<End, 'at'>): Promise<boolean> {
  const isEnded = await store.endPlan(tx, ctx.tenantId, { ...how, at: ctx.kernel.clock.now(), why, tries, failures })
  if (isEnded) await append(tx, ctx, switchEnded, { subjectId: how.id, body: { why, tries, failures } })
  return isEnded
}

/** Takes back by itself what fails too often, and ends plans whose successor has begun. Answers how many it took back. */
export async function runSwitchover(kernel: Kernel, tenantId: number): Promise<number> {
  const ctx = systemCtx(kernel, tenantId, 'billing.switchover')
  const running = await kernel.db.read(tenantId, tx => store.listRunning(tx, tenantId))
  let ended = 0
  for (const plan of running) {
    const ending = { id: plan.id, by: 'system', note: null }
    if (successorOf(plan, running, kernel.clock.now())) {
      await kernel.db.tx(tenantId, tx => end(tx, ctx, { ...ending, why: 'replaced' }))
      continue
    }
    const { tries, failures } = await kernel.db.read(tenantId, tx => triesOf(tx, ctx, plan))
    if (!isUsedUp(plan, tries, failures)) continue
    await kernel.db.tx(tenantId, async tx => {
      if (!(await end(tx, ctx, { ...ending, why: 'budget', tries, failures }))) return
      ended++
      await openTask(tx, ctx, {
        kind: BACK_TASK.kind,
        subjectKind: 'switch_plan',
        subjectId: plan.id,
        title: `${plan.feature} ${failures}/${tries}`,
      })
    })
  }
  return ended
}

export interface PlanView extends store.PlanRow {
  readonly isOwn: boolean
  /** Within its window, for one that runs. */
  readonly tries: number
  readonly failures: number
  /** Share of the accounts inside now; none before the first step. */
  readonly pct: number | undefined
  /** What agreeing to it does, or did: for one that has not begun. */
  readonly impact?: SwitchPreview
  /** Taken back, and the last that speaks for its accounts: they go without the feature. */
  readonly isOff: boolean
  /** By whom it was taken back is not who may restore it. */
  readonly mayRestore: boolean
}

export interface SwitchoverView {
  readonly plans: readonly PlanView[]
  readonly rules: readonly store.AreaRule[]
  readonly accounts: Awaited<ReturnType<typeof store.countAccounts>>
}

/** Whether a plan that has begun is the newest such one of its feature and communities. */
const isLast = (plan: store.PlanRow, plans: readonly store.PlanRow[], now: Date): boolean => {
  const agreed = plans.filter(row => row.isAgreed).sort((a, b) => b.decidedAt!.getTime() - a.decidedAt!.getTime())
  return plan.isAgreed === true && hasBegun(plan, now) && !successorOf(plan, agreed, now)
}

/** Plans, the newest first, with how their tries went, and how addresses belong to communities. */
export async function viewSwitchover(ctx: Ctx): Promise<Result<SwitchoverView>> {
  const allowed = permit(ctx, 'billing.switchover.read')
  if (!allowed.ok) return allowed
  const now = ctx.kernel.clock.now()
  return ctx.kernel.db.read(ctx.tenantId, async tx => {
    const plans: PlanView[] = []
    const rows = await store.listPlans(tx, ctx.tenantId)
    for (const plan of rows) {
      const isWaiting = plan.decidedAt === null || (plan.isAgreed === true && !plan.endedAt && !hasBegun(plan, now))
      const isOff = isLast(plan, rows, now) && (plan.endWhy === 'person' || plan.endWhy === 'budget')
      const mayRestore = isOff && permit(ctx, 'billing.switchover.agree').ok && plan.endedBy !== actorKey(ctx)
      const isRunning = plan.isAgreed === true && !plan.endedAt
      const seen = isRunning ? await triesOf(tx, ctx, plan) : { tries: plan.endTries ?? 0, failures: plan.endFailures ?? 0 }
      const impact = isWaiting && new Date(plan.steps[0]!.from) > now ? await impactOf(tx, ctx, plan) : undefined
      const pct = stepAt(plan.steps, now)?.pct
      plans.push({ ...plan, ...seen, isOwn: plan.askedBy === actorKey(ctx), pct, isOff, mayRestore, ...(impact && { impact }) })
    }
    return ok({ plans, rules: await store.listAreaRules(tx, ctx.tenantId), accounts: await store.countAccounts(tx, ctx.tenantId) })
  })
}

/** Says in which community addresses that begin so lie. */
export async function setAreaRule(ctx: Ctx, input: store.AreaRule): Promise<Result<void>> {
  const allowed = permit(ctx, 'billing.switchover.ask')
  if (!allowed.ok) return allowed
  const prefix = input.prefix.toWellFormed().normalize('NFKC').replaceAll('\0', '').trim().slice(0, 60)
  if (prefix.length < 2) return fail(errors.switch_malformed, undefined, 'prefix')
  if (!AREA_CODE.test(input.areaCode)) return fail(errors.switch_malformed, undefined, 'area')
  await ctx.kernel.db.tx(ctx.tenantId, async tx => {
    await store.upsertAreaRule(tx, ctx.tenantId, { prefix, areaCode: input.areaCode, by: actorKey(ctx), at: ctx.kernel.clock.now() })
    await append(tx, ctx, areaRuleSet, { subjectId: input.areaCode, body: { prefix } })
  })
  return ok(undefined)
}

export async function removeAreaRule(ctx: Ctx, prefix: string): Promise<Result<void>> {
  const allowed = permit(ctx, 'billing.switchover.ask')
  if (!allowed.ok) return allowed
  await ctx.kernel.db.tx(ctx.tenantId, async tx => {
    if ((await store.deleteAreaRule(tx, ctx.tenantId, prefix)) === 1)
      await append(tx, ctx, areaRuleRemoved, { subjectId: prefix, body: {} })
  })
  return ok(undefined)
}
