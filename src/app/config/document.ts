import { z } from 'zod'
import type { Ctx } from '#kernel/context.ts'
import { unwrap } from '#kernel/result.ts'
import { dayOf } from '#kernel/time.ts'
import { FEATURES, listBillers, listTariffs, viewRules, viewSwitchover } from '#modules/billing/index.ts'
import { listAreas } from '#modules/identity/index.ts'
import { type BillerFile, billerFileSchema } from '../biller-file.ts'

export const CONFIG_FORMAT = 'yimen-config/1'
const day = z.string().regex(/^\d{4}-\d{2}-\d{2}$/)
const time = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/)

/**
 * What an installation does, as data: its billers with the rules in force and to come, its areas, and the switchover agreed on. Neither
 * people nor money nor keys. Lists stand in the order of their keys, so that equal configurations are equal bytes.
 */
export const configSchema = z.strictObject({
  format: z.literal(CONFIG_FORMAT),
  areas: z.array(z.strictObject({ code: z.string().regex(/^\d{9}(\d{3}){0,2}$/), zh: z.string().min(1), en: z.string().min(1) })),
  billers: z.array(billerFileSchema),
  rules: z.array(
    z.strictObject({ biller: z.string(), valid_from: day, rule: billerFileSchema.shape.late_fee, note: z.string().min(1).max(200) }),
  ),
  addresses: z.array(z.strictObject({ prefix: z.string().min(2).max(60), area: z.string().regex(/^\d{12}$/) })),
  switchover: z.array(
    z.strictObject({
      feature: z.enum(FEATURES),
      areas: z.array(z.string().regex(/^\d{12}$/)),
      steps: z.array(z.strictObject({ from: z.string(), pct: z.int().min(0).max(100) })).min(1),
      open_from: time.optional(),
      open_until: time.optional(),
      budget_e4: z.int(),
      tries_min: z.int(),
      window_min: z.int(),
      note: z.string().min(1).max(200),
    }),
  ),
})

export type ConfigDocument = z.infer<typeof configSchema>

/** Keys in the order of their names at every depth, so that one configuration is one text. */
export const textOf = (value: unknown): string => `${JSON.stringify(value, (_key, held: unknown) => sorted(held), 2)}\n`

const sorted = (held: unknown): unknown =>
  held !== null && typeof held === 'object' && !Array.isArray(held)
    ? Object.fromEntries(Object.entries(held).sort(([a], [b]) => (a < b ? -1 : 1)))
    : held

const by =
  <T>(key: (row: T) => string) =>
  (a: T, b: T): number =>
    key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0

type Biller = Awaited<ReturnType<typeof listBillers>>[number]

/** The file a biller could be declared by: `billerOf` read backwards, with the rule in force on `today`. */
function fileOf(b: Biller, tariffs: readonly { readonly id: string; readonly body: unknown }[], today: string): BillerFile {
  const { mappings, late_fee, ...config } = b.config
  return billerFileSchema.parse({
    ...{ id: b.id, zh: b.nameZh, en: b.nameEn, service_zh: b.serviceZh, service_en: b.serviceEn, unit: b.unit },
    ...config,
    late_fee: ruleInForce(b, today),
    tariffs: [...tariffs].sort(by(t => t.id)).map(t => t.body),
    mapping: mappings.bills,
    ...(mappings.payments !== undefined && { payments_mapping: mappings.payments }),
  })
}

export const ruleInForce = (b: Biller, today: string): BillerFile['late_fee'] =>
  ((b.rules.findLast(dated => dated.validFrom <= today) ?? b.rules[0])?.rule ?? b.config.late_fee) as BillerFile['late_fee']

/** The configuration as it stands. */
export async function readDocument(ctx: Ctx): Promise<ConfigDocument> {
  const now = ctx.kernel.clock.now()
  const today = dayOf(now)
  const billers = [...(await listBillers(ctx))].sort(by(b => b.id))
  const tariffs = await Promise.all(billers.map(b => listTariffs(ctx, b.id)))
  const { plans, rules: addresses } = unwrap(await viewSwitchover(ctx))
  return {
    format: CONFIG_FORMAT,
    areas: (await listAreas(ctx)).map(a => ({ code: a.code, zh: a.nameZh, en: a.nameEn })).sort(by(a => a.code)),
    billers: billers.map((b, i) => fileOf(b, tariffs[i]!, today)),
    rules: unwrap(await viewRules(ctx))
      .rules.filter(rule => rule.isAgreed && rule.validFrom > today)
      .map(rule => ({ biller: rule.billerId, valid_from: rule.validFrom, rule: rule.rule as BillerFile['late_fee'], note: rule.note }))
      .sort(by(rule => `${rule.biller} ${rule.valid_from}`)),
    addresses: addresses.map(rule => ({ prefix: rule.prefix, area: rule.areaCode })).sort(by(rule => rule.prefix)),
    switchover: plans
      .filter(plan => plan.isAgreed && !plan.endedAt)
      .map(plan => ({
        ...{ feature: plan.feature, areas: [...plan.areas].sort(), steps: plan.steps.map(({ from, pct }) => ({ from, pct })) },
        ...(plan.openFrom && { open_from: plan.openFrom }),
        ...(plan.openUntil && { open_until: plan.openUntil }),
        ...{ budget_e4: plan.budget_e4, tries_min: plan.triesMin, window_min: plan.windowMin, note: plan.note },
      }))
      .sort(by(plan => `${plan.feature} ${plan.steps[0]?.from} ${plan.areas.join()}`)),
  }
}
