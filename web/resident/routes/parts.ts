import type { Ctx } from '#kernel/context.ts'
import { parseYuan } from '#kernel/money.ts'
import { type BillForPayer, billingErrors, partRange, quotePart } from '#modules/billing/index.ts'
import { yuan } from '#web/ui/format.ts'
import type { FieldError } from '#web/ui/forms.tsx'
import { t } from '#web/ui/messages.ts'
import type { PartsView } from '../part.tsx'

/** Of the principal: the late fee that is shown is what is still owed of it. */
const paidOf = (found: BillForPayer): number => found.parts.reduce((sum, part) => sum + part.principalFen, 0)

/** What was paid of a bill before, and whether a part of it can be paid. `action` is the address of its page. */
export function partsView(found: BillForPayer, action: string): { parts?: PartsView } {
  const paidFen = paidOf(found)
  const isLater = found.checks.some(check => check.key === 'older_open')
  const range = partRange(found, found.rule)
  if (isLater) return paidFen > 0 || range ? { parts: { paidFen, ...(range && { isLater: true }) } } : {}
  return paidFen > 0 || range ? { parts: { paidFen, ...(range && { offer: { action, ...range } }) } } : {}
}

/** A bill's page with the part of it somebody asked to pay, or with why that cannot be. */
export async function readPart(
  ctx: Ctx,
  found: BillForPayer,
  typed: string,
  action: string,
): Promise<{ amountFen?: number; quote?: string; parts?: PartsView; errors?: FieldError[] }> {
  const range = partRange(found, found.rule)
  if (!range) return {}
  const paidFen = paidOf(found)
  const fen = parseYuan(typed)
  const part = fen.ok ? await quotePart(ctx, found, fen.value) : fen
  if (!part.ok) {
    const key = part.error.code === billingErrors.part_not_oldest.code ? 'part.error_oldest' : 'part.error'
    const errors = [{ field: 'part', text: t(ctx.lang)(key, { min: yuan(range.minFen), max: yuan(range.maxFen) }) }]
    return { parts: { paidFen, offer: { action, ...range, typed, errors } }, errors }
  }
  const { amountFen: principalFen, lateFeeFen } = part.value.item
  const amountFen = principalFen + lateFeeFen
  const leftFen = found.restFen + found.lateFeeFen - amountFen
  const chosen = { amountFen, principalFen, lateFeeFen, leftFen, wholeHref: action }
  return { amountFen, quote: part.value.quote, parts: { paidFen, chosen } }
}
