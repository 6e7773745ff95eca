import type { Ctx } from '#kernel/context.ts'
import { unwrap } from '#kernel/result.ts'
import { addDays, dayOf } from '#kernel/time.ts'
import {
  askRule,
  askSwitch,
  keepConfigVersion,
  listBillers,
  type RulesView,
  registerBiller,
  setAreaRule,
  viewRules,
  viewSwitchover,
} from '#modules/billing/index.ts'
import { importAreas } from '#modules/identity/index.ts'
import { billerOf } from '../biller-file.ts'
import { type ConfigDocument, readDocument, textOf } from './document.ts'

type Kind = 'area' | 'biller' | 'rule' | 'address' | 'switchover'

/**
 * One thing a document would change. `asked`: what two people must agree on here too, so it is asked for and waits. `cannot`: it stands
 * in the way of the whole document.
 */
export interface ConfigChange {
  readonly kind: Kind
  readonly key: string
  readonly what: 'new' | 'changed' | 'asked' | 'waiting' | 'cannot'
  /** Fields that differ, by their path; or why it cannot be. */
  readonly about: readonly string[]
}

export interface ConfigPlan {
  readonly changes: readonly ConfigChange[]
  /** What stands here and not in the document: it is left alone. */
  readonly onlyHere: readonly string[]
}

/** Paths at which two values differ, as `mapping.columns.3.name`. */
function pathsOf(before: unknown, after: unknown, path = ''): string[] {
  if (textOf(before ?? null) === textOf(after ?? null)) return []
  const isTree = (value: unknown): value is Record<string, unknown> => value !== null && typeof value === 'object'
  if (!isTree(before) || !isTree(after)) return [path || '(all of it)']
  return [...new Set([...Object.keys(before), ...Object.keys(after)])]
    .sort()
    .flatMap(key => pathsOf(before[key], after[key], path ? `${path}.${key}` : key))
}

const planKey = (p: ConfigDocument['switchover'][number]): string => `${p.feature} ${p.areas.join(',') || '*'} ${p.steps[0]!.from}`
const ruleKey = (r: { readonly biller: string; readonly valid_from: string }): string => `${r.biller} ${r.valid_from}`

/** `declared`: billers of settings.json, which are as their own files say at every start. */
export async function planConfig(ctx: Ctx, wanted: ConfigDocument, declared: readonly string[]): Promise<ConfigPlan> {
  const now = ctx.kernel.clock.now()
  const today = dayOf(now)
  const here = await readDocument(ctx)
  const changes: ConfigChange[] = []
  const compare = <T>(kind: Kind, had: readonly T[], wants: readonly T[], keyOf: (row: T) => string) => {
    const known = new Map(had.map(row => [keyOf(row), row]))
    for (const row of wants) {
      const before = known.get(keyOf(row))
      const about = before === undefined ? [] : pathsOf(before, row)
      if (before === undefined || about.length > 0)
        changes.push({ kind, key: keyOf(row), what: before === undefined ? 'new' : 'changed', about })
    }
  }
  compare('area', here.areas, wanted.areas, a => a.code)
  compare('address', here.addresses, wanted.addresses, a => a.prefix)
  const bare = ({ late_fee: _, ...file }: ConfigDocument['billers'][number]) => file
  const billers = new Map(here.billers.map(b => [b.id, b]))
  for (const file of wanted.billers) {
    const before = billers.get(file.id)
    const about = before ? pathsOf(bare(before), bare(file)) : []
    // A tariff once published stays: another of the same name would be another price for what was billed by it.
    const published = before?.tariffs.filter(t => file.tariffs.some(other => other.id === t.id && textOf(other) !== textOf(t))) ?? []
    const isDeclared = declared.includes(file.id) && (!before || about.length > 0)
    const cannot = isDeclared ? ['settings.json'] : published.map(t => `tariff ${t.id}`)
    if (cannot.length > 0) changes.push({ kind: 'biller', key: file.id, what: 'cannot', about: cannot })
    else if (!before || about.length > 0) changes.push({ kind: 'biller', key: file.id, what: before ? 'changed' : 'new', about })
  }
  const asked = unwrap(await viewRules(ctx)).rules.filter(rule => rule.isAgreed === null)
  for (const rule of rulesWanted(wanted, here, today)) {
    const same = here.rules.find(other => ruleKey(other) === ruleKey(rule))
    if (same && pathsOf(same.rule, rule.rule).length === 0) continue
    const isKnown = [...wanted.billers, ...here.billers].some(b => b.id === rule.biller)
    const why = !isKnown
      ? 'no such biller'
      : rule.valid_from <= today
        ? 'its first day is over'
        : same
          ? 'another rule is agreed for that day'
          : undefined
    changes.push(why ? { kind: 'rule', key: ruleKey(rule), what: 'cannot', about: [why] } : ruleChange(rule, asked))
  }
  const waiting = unwrap(await viewSwitchover(ctx)).plans.filter(plan => plan.isAgreed === null)
  for (const plan of wanted.switchover) {
    const same = here.switchover.find(other => planKey(other) === planKey(plan))
    if (same && pathsOf(same, plan).length === 0) continue
    const isAsked = waiting.some(
      p => p.feature === plan.feature && textOf(p.steps) === textOf(plan.steps) && [...p.areas].sort().join() === plan.areas.join(),
    )
    const isOver = new Date(plan.steps[0]!.from) <= now
    changes.push({
      kind: 'switchover',
      key: planKey(plan),
      what: isOver ? 'cannot' : isAsked ? 'waiting' : 'asked',
      about: isOver ? ['its first step is over'] : [],
    })
  }
  const onlyHere = [
    ...here.areas.filter(a => !wanted.areas.some(b => b.code === a.code)).map(a => `area ${a.code}`),
    ...here.billers.filter(a => !wanted.billers.some(b => b.id === a.id)).map(a => `biller ${a.id}`),
    ...here.rules.filter(a => !wanted.rules.some(b => ruleKey(b) === ruleKey(a))).map(a => `rule ${ruleKey(a)}`),
    ...here.addresses.filter(a => !wanted.addresses.some(b => b.prefix === a.prefix)).map(a => `address ${a.prefix}`),
    ...here.switchover.filter(a => !wanted.switchover.some(b => planKey(b) === planKey(a))).map(a => `switchover ${planKey(a)}`),
  ]
  return { changes, onlyHere }
}

type WantedRule = ConfigDocument['rules'][number]
const NOTE = '随配置文件带入'

/** Rules to come; where a biller has another in force there than here, that one too, from tomorrow on: days gone by keep theirs. */
function rulesWanted(wanted: ConfigDocument, here: ConfigDocument, today: string): WantedRule[] {
  const valid_from = addDays(today, 1)
  const inForce = wanted.billers
    .filter(file => here.billers.some(b => b.id === file.id && textOf(b.late_fee) !== textOf(file.late_fee)))
    .map(file => ({ biller: file.id, valid_from, rule: file.late_fee, note: NOTE }))
  return [...wanted.rules, ...inForce.filter(rule => !wanted.rules.some(other => ruleKey(other) === ruleKey(rule)))]
}

function ruleChange(rule: WantedRule, waiting: RulesView['rules']): ConfigChange {
  const asked = waiting.find(r => r.billerId === rule.biller && r.validFrom === rule.valid_from)
  const about = asked ? pathsOf(asked.rule, rule.rule) : []
  if (about.length > 0) return { kind: 'rule', key: ruleKey(rule), what: 'cannot', about: ['another rule waits for that day'] }
  return { kind: 'rule', key: ruleKey(rule), what: asked ? 'waiting' : 'asked', about: [] }
}

/**
 * Brings a document in: areas, billers and addresses at once, rules and switchover as proposals for two people here. Nothing is taken
 * away. Checked as a whole by `planConfig` before; broken off, it is finished by being brought in again. Keeps the configuration of
 * before and after as versions.
 */
export async function applyConfig(ctx: Ctx, wanted: ConfigDocument, plan: ConfigPlan): Promise<void> {
  const does = (kind: Kind, key: string, ...what: ConfigChange['what'][]) =>
    plan.changes.some(c => c.kind === kind && c.key === key && what.includes(c.what))
  const before = await readDocument(ctx)
  unwrap(await keepConfigVersion(ctx, textOf(before)))
  const areas = wanted.areas.filter(a => does('area', a.code, 'new', 'changed'))
  if (areas.length > 0)
    unwrap(
      await importAreas(
        ctx,
        areas.map(a => ({ code: a.code, nameZh: a.zh, nameEn: a.en })),
      ),
    )
  const here = new Map((await listBillers(ctx)).map(b => [b.id, b]))
  const today = dayOf(ctx.kernel.clock.now())
  for (const file of wanted.billers) {
    if (!does('biller', file.id, 'new', 'changed')) continue
    const [biller, known] = [billerOf(file), here.get(file.id)]
    unwrap(await registerBiller(ctx, known ? { ...biller, config: { ...biller.config, late_fee: known.config.late_fee } } : biller))
  }
  for (const address of wanted.addresses)
    if (does('address', address.prefix, 'new', 'changed'))
      unwrap(await setAreaRule(ctx, { prefix: address.prefix, areaCode: address.area }))
  for (const rule of rulesWanted(wanted, before, today))
    if (does('rule', ruleKey(rule), 'asked'))
      unwrap(
        await askRule(ctx, {
          billerId: rule.biller,
          validFrom: rule.valid_from,
          rule: JSON.parse(JSON.stringify(rule.rule)),
          note: rule.note,
        }),
      )
  for (const p of wanted.switchover)
    if (does('switchover', planKey(p), 'asked')) {
      const { feature, areas: communities, steps, budget_e4, note } = p
      const hours = { openFrom: p.open_from, openUntil: p.open_until }
      unwrap(
        await askSwitch(ctx, {
          feature,
          areas: communities,
          steps,
          ...hours,
          budget_e4,
          triesMin: p.tries_min,
          windowMin: p.window_min,
          note,
        }),
      )
    }
  unwrap(await keepConfigVersion(ctx, textOf(await readDocument(ctx))))
}
