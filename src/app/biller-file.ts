import { z } from 'zod'
import { type BillerRule, checkLayoutSchema, type NewBiller, PART_FIRST } from '#modules/billing/index.ts'

const day = z.string().regex(/^\d{4}-\d{2}-\d{2}$/)

/**
 * A biller as its file declares it: who it is, what its account numbers look like, its rules, its published prices and the
 * layout of its bill files. A new biller is such a file. Money in fen, `rate_per_day_e6` in millionths, prices as published.
 */
export const billerFileSchema = z.object({
  id: z.string().regex(/^[a-z][a-z0-9_]{1,30}$/),
  zh: z.string().min(1).max(60),
  en: z.string().min(1).max(60),
  service_zh: z.string().min(1).max(20),
  service_en: z.string().min(1).max(40),
  unit: z.string().max(20),
  account: z.object({
    pattern: z.string().refine(isPattern, 'not a regular expression'),
    check: z.enum(['luhn', 'weighted_mod11_2to7', 'iso7064_mod11_10', 'weighted_731_mod10', 'luhn_mod36', 'iso7064_mod97_10']),
    length: z.int().min(1).max(40),
    example: z.string().min(1).max(40),
  }),
  late_fee: z.object({
    grace_days: z.int().min(0),
    rate_per_day_e6: z.int().min(0),
    minimum_fen: z.int().min(0).optional(),
    part_min_fen: z.int().min(1).optional(),
    part_first: z.enum(PART_FIRST).optional(),
    rebate_days: z.int().min(1).optional(),
    rebate_e6: z.int().min(1).max(500_000).optional(),
    cut_off: z
      .string()
      .regex(/^([01]\d|2[0-3]):[0-5]\d$/)
      .optional(),
    reversal_days: z.int().min(0).optional(),
    prepay_max_fen: z.int().min(1).optional(),
  }),
  partial_payment: z.enum(['none', 'oldest_first', 'free']),
  posting_window_min: z.int().min(0),
  cycle_months: z.int().min(1).max(12),
  query_after_min: z.int().min(1).optional(),
  products: z.object({ amounts: z.enum(['fen', 'yuan']) }).optional(),
  tax_invoices: z.boolean().optional(),
  tariffs: z.array(z.looseObject({ id: z.string().min(1).max(60), valid_from: day, valid_to: day.nullable() })).default([]),
  mapping: z.record(z.string(), z.unknown()),
  check_file: z.union([z.literal('standard'), checkLayoutSchema]).optional(),
  payments_mapping: z.record(z.string(), z.unknown()).optional(),
})

export type BillerFile = z.infer<typeof billerFileSchema>

export const billerOf = (b: BillerFile): NewBiller => ({
  id: b.id,
  nameZh: b.zh,
  nameEn: b.en,
  serviceZh: b.service_zh,
  serviceEn: b.service_en,
  unit: b.unit,
  config: {
    account: b.account,
    late_fee: ruleOf(b),
    partial_payment: b.partial_payment,
    posting_window_min: b.posting_window_min,
    cycle_months: b.cycle_months,
    ...(b.query_after_min !== undefined && { query_after_min: b.query_after_min }),
    ...(b.products && { products: b.products }),
    ...(b.tax_invoices && { tax_invoices: true }),
    mappings: { bills: b.mapping, ...(b.payments_mapping && { payments: b.payments_mapping }) },
    ...(b.check_file !== undefined && { check_file: b.check_file }),
  },
  tariffs: b.tariffs.map(t => ({ id: t.id, validFrom: t.valid_from, validTo: t.valid_to, body: { ...t } })),
})

/** Without what the file leaves out. */
const ruleOf = ({ late_fee }: BillerFile): BillerRule => JSON.parse(JSON.stringify(late_fee)) as BillerRule

function isPattern(text: string): boolean {
  try {
    return new RegExp(text).source !== ''
  } catch {
    return false
  }
}
