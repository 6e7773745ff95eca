import { dayWithYear, yuan } from '#web/ui/format.ts'
import { ErrorSummary, Field, type FieldError, Hidden, PostForm } from '#web/ui/forms.tsx'
import { t } from '#web/ui/messages.ts'
import { usePage } from '#web/ui/page.tsx'
import { Banner, Button, Empty, LinkButton, Money } from '#web/ui/parts.tsx'
import { staffPaths } from '../paths.ts'
import { Pane, renderStaffPage, StaffLayout, type StaffPageContext } from '../shell.tsx'

export interface CardBillView {
  what: string
  amountFen: number
  /** Why it cannot be taken. */
  stop?: string
  action: string
  cashHref: string
  quote: string
  idempotencyKey: string
  values: { terminal: string; reference?: string; last4?: string }
  errors?: readonly FieldError[]
}

/** One bill and the slip of the terminal that has taken its amount. */
export function CardBillPage({ view }: { view: CardBillView }) {
  const { t } = usePage()
  const { values, errors } = view
  return (
    <StaffLayout>
      <ErrorSummary errors={errors} />
      <div class="spread row--wrap">
        <h1>{view.what}</h1>
        <span class="push">
          <Money fen={view.amountFen} size="xl" />
        </span>
      </div>
      <Pane title={t('card_desk.title')} note={t('card_desk.note')}>
        {view.stop ? (
          <Banner tone="bad" title={view.stop} />
        ) : (
          <PostForm action={view.action} class="stack" quote={view.quote} idempotencyKey={view.idempotencyKey}>
            <Field
              name="terminal"
              label={t('card_desk.terminal')}
              hint={t('card_desk.terminal_hint')}
              value={values.terminal}
              maxLength={16}
              autoFocus={!values.terminal}
              errors={errors}
            />
            <Field
              name="reference"
              label={t('card_desk.reference')}
              hint={t('card_desk.reference_hint')}
              value={values.reference}
              inputMode="numeric"
              maxLength={24}
              autoFocus={values.terminal !== ''}
              errors={errors}
            />
            <Field name="last4" label={t('card_desk.last4')} value={values.last4} inputMode="numeric" maxLength={8} errors={errors} />
            <div class="btns">
              <Button>{t('card_desk.do')}</Button>
              <LinkButton href={view.cashHref} kind="secondary">
                {t('card_desk.cash_instead')}
              </LinkButton>
            </div>
          </PostForm>
        )}
      </Pane>
    </StaffLayout>
  )
}

export const cardBillPage = (ctx: StaffPageContext, view: CardBillView): string =>
  renderStaffPage(ctx, <CardBillPage view={view} />, { title: t(ctx.lang)('card_desk.title') })

export interface CardDoneView {
  what: string
  receiptNo: string
  amountFen: number
  printHref: string
}

/** What was booked, its receipt, and the next payer. */
export function CardDonePage({ view }: { view: CardDoneView }) {
  const { t } = usePage()
  return (
    <StaffLayout>
      <h1>{t('card_desk.done')}</h1>
      <div class="card pane change" role="status">
        <Money fen={view.amountFen} size="xl" />
        <p class="t-2">{t('card_desk.done_of', { what: view.what, no: view.receiptNo })}</p>
        <div class="btns">
          <LinkButton href={view.printHref} kind="secondary">
            {t('cash.print')}
          </LinkButton>
        </div>
      </div>
      <form class="scan" action={staffPaths.cash}>
        <label class="legend" for="scan">
          {t('card_desk.next')}
        </label>
        <input class="input" id="scan" name="q" maxLength={400} autoComplete="off" autofocus />
        <Button>{t('cash.find')}</Button>
      </form>
    </StaffLayout>
  )
}

export const cardDonePage = (ctx: StaffPageContext, view: CardDoneView): string =>
  renderStaffPage(ctx, <CardDonePage view={view} />, { title: t(ctx.lang)('card_desk.done') })

export interface CardPayoutView {
  refundId: string
  text: string
  href: string
  amountFen: number
  terminal: string
  reference: string
  last4: string
  paidOn: string
  typed?: { reference: string; errors: readonly FieldError[] }
}

/** Refunds that wait to be made on the terminal their money came in on. */
export function CardPayoutsPage({ rows, notice }: { rows: readonly CardPayoutView[]; notice?: 'returned' | 'gone' }) {
  const { ctx, t } = usePage()
  return (
    <StaffLayout>
      <ErrorSummary errors={rows.find(row => row.typed)?.typed?.errors} />
      <h1>{t('card_desk.payouts')}</h1>
      <p>{t('card_desk.payouts_note')}</p>
      {notice && <Banner tone={notice === 'gone' ? 'warn' : 'ok'} title={t(`card_desk.notice_${notice}`)} live />}
      {rows.length === 0 && (
        <Empty title={t('card_desk.payouts_none')}>
          <p>{t('card_desk.payouts_none_text')}</p>
        </Empty>
      )}
      {rows.map(row => (
        <Pane key={row.refundId} title={`${row.text} ${yuan(row.amountFen)}`}>
          <p>
            {t('card_desk.paid_as', {
              terminal: row.terminal,
              reference: row.reference,
              last4: row.last4,
              day: dayWithYear(ctx.lang, row.paidOn),
            })}
          </p>
          <PostForm action={staffPaths.cardPayouts} class="stack">
            <Hidden name="refund" value={row.refundId} />
            <Field
              name={`reference-${row.refundId}`}
              label={t('card_desk.payout_reference')}
              hint={t('card_desk.reference_hint')}
              value={row.typed?.reference}
              inputMode="numeric"
              maxLength={24}
              errors={row.typed?.errors}
            />
            <div class="btns">
              <Button kind="secondary">{t('card_desk.payout_do')}</Button>
              <LinkButton href={row.href} kind="link">
                {t('staff.break_order')}
              </LinkButton>
            </div>
          </PostForm>
        </Pane>
      ))}
    </StaffLayout>
  )
}

export const cardPayoutsPage = (ctx: StaffPageContext, rows: readonly CardPayoutView[], notice?: 'returned' | 'gone'): string =>
  renderStaffPage(ctx, <CardPayoutsPage rows={rows} notice={notice} />, { title: t(ctx.lang)('card_desk.payouts') })
