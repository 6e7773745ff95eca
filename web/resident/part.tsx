import { yuan } from '#web/ui/format.ts'
import { Field, type FieldError } from '#web/ui/forms.tsx'
import { usePage } from '#web/ui/page.tsx'
import { Banner, Button, LinkButton } from '#web/ui/parts.tsx'

/** What of a bill is paid now and before. Fen. */
export interface PartsView {
  /** Paid before. */
  paidFen: number
  /** Chosen to be paid now, and what it goes to. */
  chosen?: { amountFen: number; principalFen: number; lateFeeFen: number; leftFen: number; wholeHref: string }
  /** Parts are taken once the older bills of the account are paid. */
  isLater?: boolean
  /** Where the biller takes parts. */
  offer?: { action: string; minFen: number; maxFen: number; typed?: string; errors?: readonly FieldError[] }
}

/** What the part goes to and what stays, before it is paid. */
export function PartChosen({ chosen }: { chosen: NonNullable<PartsView['chosen']> }) {
  const { t } = usePage()
  return (
    <Banner tone="now" title={t('part.chosen', { amount: yuan(chosen.amountFen) })}>
      <p>
        {chosen.lateFeeFen > 0 && t('part.goes_late', { amount: yuan(chosen.lateFeeFen) })}
        {chosen.principalFen > 0 && t('part.goes_principal', { amount: yuan(chosen.principalFen) })}
        {t('part.left', { amount: yuan(chosen.leftFen) })}
      </p>
      <LinkButton href={chosen.wholeHref} kind="link">
        {t('part.whole')}
      </LinkButton>
    </Banner>
  )
}

/** Paying a part: for whom the whole is too much at once. Closed until asked for, so that it is in nobody's way. */
export function PartForm({ offer }: { offer: NonNullable<PartsView['offer']> }) {
  const { t } = usePage()
  return (
    <details class="sec card stack" open={!!offer.errors?.length}>
      <summary>{t('part.title')}</summary>
      <p class="t-2">{t('part.note')}</p>
      <form method="get" action={offer.action} class="stack" novalidate>
        <Field
          name="part"
          label={t('part.amount')}
          hint={t('part.hint', { min: yuan(offer.minFen), max: yuan(offer.maxFen) })}
          inputMode="decimal"
          maxLength={16}
          {...(offer.typed !== undefined && { value: offer.typed })}
          {...(offer.errors && { errors: offer.errors })}
        />
        <Button kind={offer.errors ? undefined : 'secondary'}>{t('part.do')}</Button>
      </form>
      {offer.errors && (
        <LinkButton href={offer.action} kind="link">
          {t('part.whole')}
        </LinkButton>
      )}
    </details>
  )
}
