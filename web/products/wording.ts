import type { ProductBody } from '#modules/billing/index.ts'
import { type Lang, yuan } from '#web/ui/format.ts'
import { t } from '#web/ui/messages.ts'

export interface WordingOf {
  readonly biller: string
  readonly accountMasked: string
}

/** The company's words in the language of the page, where it has any; else as it wrote them. */
export const nameOf = (lang: Lang, product: ProductBody): string => (lang === 'en' ? (product.name_en ?? product.name_zh) : product.name_zh)
export const includesOf = (lang: Lang, product: ProductBody): readonly string[] =>
  lang === 'en' ? (product.includes_en ?? product.includes_zh) : product.includes_zh
export const endsOf = (lang: Lang, product: ProductBody): string => (lang === 'en' ? (product.ends_en ?? product.ends_zh) : product.ends_zh)
export const termsOf = (lang: Lang, product: ProductBody): string =>
  lang === 'en' ? (product.terms_en ?? product.terms_zh) : product.terms_zh

export interface Fact {
  readonly label: string
  readonly value: string
}

/** What ends by itself binds nobody: its days say enough. */
export const saysTerm = ({ bound_months, lasts_days }: ProductBody): boolean => bound_months !== undefined || lasts_days === undefined

/** What must be known before anything else: what it costs, now and later, and how long one is bound. */
export function priceFacts(lang: Lang, product: ProductBody): Fact[] {
  const say = t(lang)
  const monthly = product.monthly_fen
  return [
    {
      label: say('product.price_now'),
      value: product.price_fen > 0 ? `${yuan(product.price_fen)}${lang === 'en' ? ' yuan' : '元'}` : say('product.price_free_note'),
    },
    ...(monthly ? [{ label: say('product.monthly'), value: say('product.monthly_n', { amount: yuan(monthly) }) }] : []),
    ...(saysTerm(product)
      ? [
          {
            label: say('product.term'),
            value: product.bound_months ? say('product.term_months', { months: product.bound_months }) : say('product.term_none'),
          },
        ]
      : []),
    ...(product.lasts_days ? [{ label: say('product.lasts'), value: say('product.lasts_n', { days: product.lasts_days }) }] : []),
  ]
}

/** When it begins, how it ends, what it takes the place of. */
export function courseFacts(lang: Lang, product: ProductBody): Fact[] {
  const say = t(lang)
  const replaces = lang === 'en' ? (product.replaces_en ?? product.replaces_zh) : product.replaces_zh
  return [
    { label: say('product.effective'), value: say(`product.effective_${product.effective}`) },
    { label: say('product.ends'), value: endsOf(lang, product) },
    ...(replaces ? [{ label: say('product.replaces'), value: replaces }] : []),
  ]
}

/** What is kept as agreed to: every fact under its name, what is included, the terms in full, in the words of the page. */
export function wordingOf(lang: Lang, of: WordingOf, product: ProductBody): string {
  const say = t(lang)
  const line = ({ label, value }: Fact) => say('product.wording', { what: label, chosen: value })
  return [
    say('product.ordered_title', { name: nameOf(lang, product) }),
    line({ label: say('product.biller'), value: of.biller }),
    line({ label: say('product.account'), value: of.accountMasked }),
    ...[...priceFacts(lang, product), ...courseFacts(lang, product)].map(line),
    line({ label: say('product.includes'), value: includesOf(lang, product).join(lang === 'en' ? '; ' : '；') }),
    say('product.terms_of', { biller: of.biller, version: product.version }),
    termsOf(lang, product),
    say('product.undo_note'),
    say('product.consent'),
  ].join('\n')
}
