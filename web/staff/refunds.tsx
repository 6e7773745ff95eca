import { dateTime, yuan } from '#web/ui/format.ts'
import { Choices, ErrorSummary, Field, type FieldError, Hidden, PostForm } from '#web/ui/forms.tsx'
import { t } from '#web/ui/messages.ts'
import { usePage } from '#web/ui/page.tsx'
import { Banner, Button, Empty, LinkButton, SummaryList } from '#web/ui/parts.tsx'
import { Pane, renderStaffPage, StaffLayout, type StaffPageContext, WideTable } from './shell.tsx'

export interface RefundRowView {
  href: string
  text: string
  cause: string
  note?: string
  askedBy: string
  askedAt: Date
  waits: string
  amountFen: number
  paidFen: number
  action: string
  givenFen: number
  /** Whoever asked may only take the request back. */
  isOwn: boolean
}

/** A cash payment a cashier asks to void. */
export interface VoidRowView {
  href: string
  text: string
  reason: string
  askedBy: string
  waits: string
  amountFen: number
  action: string
  isOwn: boolean
}

export const REFUND_NOTICES = ['agreed', 'declined', 'decided_before', 'stale', 'void_agreed', 'void_late'] as const
export type RefundNotice = (typeof REFUND_NOTICES)[number]

export interface RefundsView {
  rows: readonly RefundRowView[]
  voids: readonly VoidRowView[]
  notice?: RefundNotice
}

function Decide({ row }: { row: Pick<RefundRowView, 'action' | 'givenFen' | 'isOwn' | 'text' | 'amountFen'> }) {
  const { t } = usePage()
  const form = (act: 'agree' | 'decline', kind: 'secondary' | 'quiet', label: string) => (
    <PostForm action={row.action}>
      <Hidden name="act" value={act} />
      <Hidden name="given" value={String(row.givenFen)} />
      <Button kind={kind}>
        {label}
        <span class="unseen">
          {row.text} {yuan(row.amountFen)}
        </span>
      </Button>
    </PostForm>
  )
  return (
    <div class="row">
      {!row.isOwn && form('agree', 'secondary', t('staff.refund_agree'))}
      {form('decline', 'quiet', t(row.isOwn ? 'staff.refund_take_back' : 'staff.refund_decline'))}
    </div>
  )
}

function Voids({ rows }: { rows: readonly VoidRowView[] }) {
  const { t } = usePage()
  return (
    <Pane title={t('staff.voids')}>
      <WideTable
        columns={[
          { title: t('staff.col_what'), cell: (r: VoidRowView) => <a href={r.href}>{r.text}</a> },
          { title: t('staff.col_why'), cell: r => r.reason },
          { title: t('staff.refund_asked_by'), cell: r => r.askedBy },
          { title: t('staff.rescue_waits'), cell: r => r.waits },
          { title: t('staff.col_amount'), cell: r => yuan(r.amountFen), numeric: true },
          { title: t('staff.refund_decision'), cell: r => !r.isOwn && <Decide row={{ ...r, givenFen: 0, isOwn: false }} /> },
        ]}
        rows={rows}
      />
    </Pane>
  )
}

/** Refunds and voids that wait for a second person, the one waiting longest first. */
export function RefundsPage({ view }: { view: RefundsView }) {
  const { ctx, t } = usePage()
  return (
    <StaffLayout>
      <h1>{t('staff.refunds_n', { n: view.rows.length + view.voids.length })}</h1>
      {view.notice && (
        <Banner
          tone={view.notice === 'decided_before' || view.notice === 'stale' || view.notice === 'void_late' ? 'warn' : 'ok'}
          title={t(`staff.notice_refund_${view.notice}`)}
          live
        />
      )}
      {view.voids.length > 0 && <Voids rows={view.voids} />}
      {view.rows.length === 0 ? (
        view.voids.length === 0 && (
          <Empty title={t('staff.refunds_none')}>
            <p>{t('staff.refunds_none_text')}</p>
          </Empty>
        )
      ) : (
        <div class="card pane">
          <WideTable
            columns={[
              { title: t('staff.col_what'), cell: (r: RefundRowView) => <a href={r.href}>{r.text}</a> },
              {
                title: t('staff.col_why'),
                cell: r => (
                  <>
                    {r.cause}
                    {r.note && (
                      <>
                        <br />
                        <small class="t-3">{r.note}</small>
                      </>
                    )}
                  </>
                ),
              },
              { title: t('staff.refund_asked_by'), cell: r => `${r.askedBy}，${dateTime(ctx.lang, r.askedAt)}` },
              { title: t('staff.rescue_waits'), cell: r => r.waits },
              { title: t('staff.refund_paid'), cell: r => yuan(r.paidFen), numeric: true },
              { title: t('staff.refund_given'), cell: r => yuan(r.givenFen), numeric: true },
              { title: t('staff.refund_amount'), cell: r => yuan(r.amountFen), numeric: true },
              { title: t('staff.refund_decision'), cell: r => <Decide row={r} /> },
            ]}
            rows={view.rows}
          />
        </div>
      )}
    </StaffLayout>
  )
}

export const refundsPage = (ctx: StaffPageContext, view: RefundsView): string =>
  renderStaffPage(ctx, <RefundsPage view={view} />, { title: t(ctx.lang)('staff.refund_approvals') })

export interface AskRefundView {
  orderNo: string
  orderHref: string
  bill: string
  paidFen: number
  givenFen: number
  /** What each line has left, where there is more than one. */
  lines: readonly { value: string; label: string }[]
  leftFen: number
  causes: readonly { value: string; label: string }[]
  action: string
  idempotencyKey: string
  values?: { line?: string; amount?: string; cause?: string; note?: string }
  errors?: readonly FieldError[]
}

/** Asking for a part of a payment to go back; fields `line`, `amount`, `cause`, `note`. */
export function AskRefundPage({ view }: { view: AskRefundView }) {
  const { t } = usePage()
  const { values = {} } = view
  return (
    <StaffLayout>
      <ErrorSummary errors={view.errors} />
      <h1>{t('staff.refund_ask')}</h1>
      <Pane title={t('staff.order', { no: view.orderNo })} note={t('staff.refund_note')}>
        <SummaryList
          rows={[
            { label: t('staff.kind_bill'), value: <a href={view.orderHref}>{view.bill}</a> },
            { label: t('staff.refund_paid'), value: yuan(view.paidFen) },
            { label: t('staff.refund_given'), value: yuan(view.givenFen) },
          ]}
        />
        <PostForm action={view.action} class="stack" idempotencyKey={view.idempotencyKey}>
          <Hidden name="given" value={String(view.givenFen)} />
          {view.lines.length > 1 ? (
            <Choices name="line" legend={t('staff.refund_line')} choices={view.lines} chosen={values.line} errors={view.errors} />
          ) : (
            <Hidden name="line" value={view.lines[0]?.value ?? ''} />
          )}
          <Field
            name="amount"
            label={t('staff.refund_amount')}
            hint={t('staff.refund_amount_hint', { left: yuan(view.leftFen) })}
            value={values.amount}
            inputMode="decimal"
            maxLength={16}
            errors={view.errors}
          />
          <Choices name="cause" legend={t('staff.col_why')} choices={view.causes} chosen={values.cause} errors={view.errors} />
          <Field
            name="note"
            label={t('staff.break_note')}
            hint={t('staff.refund_note_hint')}
            rows={2}
            value={values.note}
            maxLength={200}
            errors={view.errors}
          />
          <div class="btns">
            <Button>{t('staff.refund_send')}</Button>
            <LinkButton kind="secondary" href={view.orderHref}>
              {t('staff.refund_back')}
            </LinkButton>
          </div>
        </PostForm>
      </Pane>
    </StaffLayout>
  )
}

export const askRefundPage = (ctx: StaffPageContext, view: AskRefundView): string =>
  renderStaffPage(ctx, <AskRefundPage view={view} />, { title: t(ctx.lang)('staff.refund_ask') })
