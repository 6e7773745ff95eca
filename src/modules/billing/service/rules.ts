import { type Ctx, makeId, permit } from '#kernel/context.ts'
import type { Tx } from '#kernel/db/index.ts'
import { isUuid } from '#kernel/id.ts'
import { catching, type ErrorCode, fail, ok, type Result, unwrap } from '#kernel/result.ts'
import { addDays, dayOf, daysBetween } from '#kernel/time.ts'
import { append } from '#modules/trail/index.ts'
import { daysFrozen } from '../dispute/model.ts'
import { mapDisputes } from '../dispute/store.ts'
import { type BillerRule, type DatedRule, duesOn, lateFeeFen, PART_FIRST, ruleOn } from '../dues.ts'
import { errors } from '../errors.ts'
import { ruleAsked, ruleDecided, waiverAsked, waiverDecided } from '../events.ts'
import { readDay } from '../import/cells.ts'
import { WAIVER_REASONS, type WaiverReason } from '../model.ts'
import * as store from '../store/rules.ts'
import * as bills from '../store.ts'

export type RuleChange = store.RuleRow & { readonly isOwn: boolean }
export type WaiverAsked = Awaited<ReturnType<typeof store.listOpenWaivers>>[number] & { readonly isOwn: boolean }

const NOTE_CHARS_MAX = 200
const RATE_E6_MAX = 10_000
const GRACE_DAYS_MAX = 365
const WAIVER_DAYS_MAX = 366
const PART_MIN_FEN_MAX = 10_000_000
/** Half of a bill. */
const REBATE_E6_MAX = 500_000
/** A thousand yuan a month for a year and a half; more would be a deposit. */
const PREPAY_FEN_MAX = 2_000_000
/** Days after its first on which a new rule is compared with the old: the first month of it. */
const PREVIEW_DAYS = 30
const PREVIEW_BILLS_MAX = 50_000
const SAMPLE = 20

const actorKey = ({ actor }: Ctx): string => `${actor.kind}:${actor.id}`
const cleanNote = (note: string): string => note.toWellFormed().replaceAll('\0', '').trim().slice(0, NOTE_CHARS_MAX)

export interface RuleProposal {
  readonly billerId: string
  readonly validFrom: string
  readonly rule: BillerRule
  readonly note: string
}

function readRule({ rule, validFrom }: RuleProposal, today: string): Result<void> {
  const isDay = readDay(validFrom, 'yyyy-MM-dd') === validFrom
  // Days gone by keep their rule: what was quoted then was right.
  if (!isDay || validFrom <= today || daysBetween(today, validFrom) > GRACE_DAYS_MAX)
    return fail(errors.rule_malformed, undefined, 'valid_from')
  const isWithin = (value: number, max: number) => Number.isSafeInteger(value) && value >= 0 && value <= max
  if (!isWithin(rule.grace_days, GRACE_DAYS_MAX)) return fail(errors.rule_malformed, undefined, 'grace')
  if (!isWithin(rule.rate_per_day_e6, RATE_E6_MAX)) return fail(errors.rule_malformed, undefined, 'rate')
  if (!isWithin(rule.minimum_fen ?? 0, 100_000)) return fail(errors.rule_malformed, undefined, 'minimum')
  for (const [value, max, field] of [
    [rule.part_min_fen, PART_MIN_FEN_MAX, 'part_min'],
    [rule.rebate_days, GRACE_DAYS_MAX, 'rebate_days'],
    [rule.rebate_e6, REBATE_E6_MAX, 'rebate_rate'],
    [rule.reversal_days, GRACE_DAYS_MAX, 'reversal'],
    [rule.prepay_max_fen, PREPAY_FEN_MAX, 'prepay_max'],
  ] as const)
    if (value !== undefined && !(isWithin(value, max) && value > 0) && !(field === 'reversal' && value === 0))
      return fail(errors.rule_malformed, undefined, field)
  // One without the other says nothing.
  if ((rule.rebate_days === undefined) !== (rule.rebate_e6 === undefined))
    return fail(errors.rule_malformed, undefined, rule.rebate_days === undefined ? 'rebate_days' : 'rebate_rate')
  if (rule.part_first !== undefined && !PART_FIRST.includes(rule.part_first)) return fail(errors.rule_malformed, undefined, 'part_first')
  const isTime = rule.cut_off === undefined || /^([01]\d|2[0-3]):[0-5]\d$/.test(rule.cut_off)
  return isTime ? ok(undefined) : fail(errors.rule_malformed, undefined, 'cut_off')
}

const EVER = '9999-12-31'

export interface RulePreview {
  /** The rule that would hold on its first day without it, and it. */
  readonly before: BillerRule
  readonly after: BillerRule
  /** If all open bills were paid whole on that day: how many cost less for being early, and by how much. */
  readonly rebate: { readonly oldBills: number; readonly oldFen: number; readonly newBills: number; readonly newFen: number }
  /** The day the two rules are compared on. */
  readonly day: string
  /** Open bills that would owe another late fee then. */
  readonly changed: number
  readonly open: number
  readonly oldFen: number
  readonly newFen: number
  readonly sample: readonly (store.OpenBill & { readonly oldFen: number; readonly newFen: number })[]
}

/** What a proposed rule would change for the bills open now, if none were paid for a month after it begins. */
export async function previewRule(ctx: Ctx, input: RuleProposal): Promise<Result<RulePreview>> {
  const allowed = permit(ctx, 'billing.rule.ask')
  if (!allowed.ok) return allowed
  const read = readRule(input, dayOf(ctx.kernel.clock.now()))
  if (!read.ok) return read
  const { tenantId } = ctx
  const day = addDays(input.validFrom, PREVIEW_DAYS)
  return ctx.kernel.db.read(tenantId, async tx => {
    const biller = await bills.findBiller(tx, tenantId, input.billerId)
    if (!biller) return fail(errors.biller_not_found)
    const open = await store.listOpenBills(tx, tenantId, biller.id, day, PREVIEW_BILLS_MAX)
    const waivers = await bills.mapWaivers(tx, tenantId, [...new Set(open.map(b => b.accountId))])
    const disputes = await mapDisputes(
      tx,
      tenantId,
      open.map(b => b.id),
    )
    const changed: DatedRule = { validFrom: input.validFrom, rule: input.rule }
    const next = [...biller.rules.filter(dated => dated.validFrom !== input.validFrom), changed].sort((a, b) =>
      a.validFrom < b.validFrom ? -1 : 1,
    )
    const compared = open.map(b => {
      const dispute = disputes.get(b.id)
      const waived = [...(waivers.get(b.accountId) ?? []), ...(dispute ? daysFrozen(dispute) : [])]
      const feeBy = (rules: readonly DatedRule[]) => lateFeeFen(b.amountFen, b.dueOn, day, rules, waived)
      return { ...b, oldFen: feeBy(biller.rules), newFen: feeBy(next) }
    })
    const first = input.validFrom
    const early = await store.listOpenBills(tx, tenantId, biller.id, EVER, PREVIEW_BILLS_MAX)
    const rebates = (rules: readonly DatedRule[]) => early.map(b => duesOn(b, first, rules, [], []).rebateFen).filter(fen => fen > 0)
    const [oldRebates, newRebates] = [rebates(biller.rules), rebates(next)]
    const total = (fens: readonly number[]) => fens.reduce((all, fen) => all + fen, 0)
    const differ = compared.filter(b => b.oldFen !== b.newFen)
    const sum = (of: (b: (typeof compared)[number]) => number) => compared.reduce((total, b) => total + of(b), 0)
    return ok({
      ...{ before: ruleOn(first, biller.rules), after: input.rule },
      rebate: {
        ...{ oldBills: oldRebates.length, oldFen: total(oldRebates) },
        ...{ newBills: newRebates.length, newFen: total(newRebates) },
      },
      day,
      changed: differ.length,
      open: open.length,
      oldFen: sum(b => b.oldFen),
      newFen: sum(b => b.newFen),
      sample: differ.slice(0, SAMPLE),
    })
  })
}

/** Asks for another late fee rule from a day to come on. It holds once a second person agrees, before that day. */
export async function askRule(ctx: Ctx, input: RuleProposal): Promise<Result<{ readonly id: string }>> {
  const allowed = permit(ctx, 'billing.rule.ask')
  if (!allowed.ok) return allowed
  const now = ctx.kernel.clock.now()
  const read = readRule(input, dayOf(now))
  if (!read.ok) return read
  const note = cleanNote(input.note)
  if (!note) return fail(errors.rule_malformed, undefined, 'note')
  const { tenantId } = ctx
  return catching(() =>
    ctx.kernel.db.tx(tenantId, async tx => {
      if (!(await bills.findBiller(tx, tenantId, input.billerId))) return unwrap(fail(errors.biller_not_found))
      if (await store.hasRuleOn(tx, tenantId, input.billerId, input.validFrom))
        return unwrap(fail(errors.rule_exists, undefined, 'valid_from'))
      const id = makeId(ctx)
      await store.insertRule(tx, tenantId, { id, ...input, note, askedBy: actorKey(ctx), askedAt: now })
      const body = { biller: input.billerId, valid_from: input.validFrom, rule: { minimum_fen: 0, ...input.rule } }
      await append(tx, ctx, ruleAsked, { subjectId: id, body })
      return { id }
    }),
  )
}

/** A second person decides; whoever asked may only take it back. */
function mayDecide(
  ctx: Ctx,
  row: { askedBy: string; decidedAt: Date | null } | undefined,
  isAgreed: boolean,
  missing: ErrorCode,
): Result<void> {
  const allowed = permit(ctx, 'billing.rule.agree')
  const isOwn = row?.askedBy === actorKey(ctx)
  if (!allowed.ok && !(isOwn && !isAgreed && permit(ctx, 'billing.rule.ask').ok)) return allowed
  if (!row) return fail(missing)
  if (row.decidedAt) return fail(errors.rule_decided)
  return isOwn && isAgreed ? fail(errors.rule_own) : ok(undefined)
}

export async function decideRule(ctx: Ctx, input: { readonly id: string; readonly isAgreed: boolean }): Promise<Result<void>> {
  return deciding(ctx, async (tx, at) => {
    const row = isUuid(input.id) ? await store.lockRule(tx, ctx.tenantId, input.id) : undefined
    unwrap(mayDecide(ctx, row, input.isAgreed, errors.rule_not_found))
    if (input.isAgreed && row!.validFrom <= dayOf(at)) unwrap(fail(errors.rule_late))
    await store.decideRule(tx, ctx.tenantId, { id: input.id, by: actorKey(ctx), at, isAgreed: input.isAgreed })
    await append(tx, ctx, ruleDecided, { subjectId: input.id, body: { is_agreed: input.isAgreed } })
  })
}

const deciding = (ctx: Ctx, work: (tx: Tx, at: Date) => Promise<void>): Promise<Result<void>> =>
  catching(() => ctx.kernel.db.tx(ctx.tenantId, tx => work(tx, ctx.kernel.clock.now())))

export interface WaiverProposal {
  readonly accountId: string
  readonly from: string
  readonly to: string
  readonly reason: string
  readonly note: string
}

/** Asks that an account owe no late fee for some days, gone by or to come. */
export async function askWaiver(ctx: Ctx, input: WaiverProposal): Promise<Result<{ readonly id: string }>> {
  const allowed = permit(ctx, 'billing.rule.ask')
  if (!allowed.ok) return allowed
  const reason: WaiverReason | undefined = WAIVER_REASONS.find(known => known === input.reason)
  const isDay = (text: string) => /^\d{4}-\d\d-\d\d$/.test(text)
  const note = cleanNote(input.note) || null
  if (!isDay(input.from)) return fail(errors.rule_malformed, undefined, 'from')
  if (!isDay(input.to) || input.to < input.from || daysBetween(input.from, input.to) > WAIVER_DAYS_MAX)
    return fail(errors.rule_malformed, undefined, 'to')
  if (!reason || (reason === 'other' && !note)) return fail(errors.rule_malformed, undefined, reason ? 'note' : 'reason')
  const { tenantId } = ctx
  return ctx.kernel.db.tx(tenantId, async tx => {
    const id = makeId(ctx)
    const asked = { id, accountId: input.accountId, from: input.from, to: input.to, reason, note }
    await store.insertWaiver(tx, tenantId, { ...asked, askedBy: actorKey(ctx), askedAt: ctx.kernel.clock.now() })
    await append(tx, ctx, waiverAsked, { subjectId: id, body: { account: input.accountId, from: input.from, to: input.to, reason } })
    return ok({ id })
  })
}

export async function decideWaiver(ctx: Ctx, input: { readonly id: string; readonly isAgreed: boolean }): Promise<Result<void>> {
  return deciding(ctx, async (tx, at) => {
    const row = isUuid(input.id) ? await store.lockWaiver(tx, ctx.tenantId, input.id) : undefined
    unwrap(mayDecide(ctx, row, input.isAgreed, errors.rule_not_found))
    await store.decideWaiver(tx, ctx.tenantId, { id: input.id, by: actorKey(ctx), at, isAgreed: input.isAgreed })
    await append(tx, ctx, waiverDecided, { subjectId: input.id, body: { is_agreed: input.isAgreed } })
  })
}

export interface RulesView {
  readonly billers: readonly bills.BillerRow[]
  readonly rules: readonly RuleChange[]
  readonly waivers: readonly WaiverAsked[]
}

/** Rules in force and to come, and what waits for a second person. */
export async function viewRules(ctx: Ctx): Promise<Result<RulesView>> {
  const allowed = [permit(ctx, 'billing.rule.ask'), permit(ctx, 'billing.rule.agree')]
  if (allowed.every(one => !one.ok)) return allowed[0] as Extract<(typeof allowed)[0], { ok: false }>
  const { tenantId } = ctx
  const own = actorKey(ctx)
  return ctx.kernel.db.read(tenantId, async tx =>
    ok({
      billers: await bills.listBillers(tx, tenantId),
      rules: (await store.listRules(tx, tenantId)).map(rule => ({ ...rule, isOwn: rule.askedBy === own })),
      waivers: (await store.listOpenWaivers(tx, tenantId)).map(waiver => ({ ...waiver, isOwn: waiver.askedBy === own })),
    }),
  )
}
