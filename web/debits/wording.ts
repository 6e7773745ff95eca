import type { DebitTerms } from '#modules/billing/index.ts'
import { dayWithYear, type Lang, yuan } from '#web/ui/format.ts'
import { t } from '#web/ui/messages.ts'

export interface WordingOf {
  readonly biller: string
  readonly service: string
  readonly accountMasked: string
}

export const whenText = (lang: Lang, daysBefore: number): string =>
  daysBefore === 0 ? t(lang)('debit.when_day') : t(lang)('debit.when_days', { days: daysBefore })

export const untilText = (lang: Lang, untilOn: string | null): string =>
  untilOn === null ? t(lang)('debit.until_open') : t(lang)('debit.until_on', { day: dayWithYear(lang, untilOn) })

/** The mandate in plain words beneath the choices, one sentence a line. */
export function mandateLines(lang: Lang, of: WordingOf): string[] {
  const say = t(lang)
  return [
    say('debit.text_who', { biller: of.biller }),
    say('debit.text_what', { account: of.accountMasked, service: of.service }),
    say('debit.text_chosen'),
    say('debit.text_failed'),
    say('debit.text_stop'),
    say('debit.text_proof'),
  ]
}

/** What is kept as agreed to: each choice under its question, then the sentences, in the words of the page. */
export function wordingOf(lang: Lang, of: WordingOf, terms: DebitTerms): string {
  const say = t(lang)
  const choices = [
    [say('debit.ceiling'), say('debit.ceiling_n', { amount: yuan(terms.ceilingFen) })],
    [say('debit.when'), whenText(lang, terms.daysBefore)],
    [say('debit.until'), untilText(lang, terms.untilOn)],
  ] as const
  return [...choices.map(([what, chosen]) => say('debit.choice', { what, chosen })), ...mandateLines(lang, of)].join('\n')
}
