import { Pane, renderStaffPage, StaffLayout, type StaffPageContext, WideTable } from '#web/staff/shell.tsx'
import { dateTime, day, yuan } from '#web/ui/format.ts'
import { Choices, ErrorSummary, Field, type FieldError, PostForm } from '#web/ui/forms.tsx'
import { t } from '#web/ui/messages.ts'
import { usePage } from '#web/ui/page.tsx'
import { Banner, Button, Empty, Pager, type PagerView, SummaryList, Tag } from '#web/ui/parts.tsx'
import { type DisputeStage, disputeReasons } from './page.tsx'

export const disputeNotices = ['asked', 'answered', 'withdrawn', 'answered_before'] as const
export type DisputeNotice = (typeof disputeNotices)[number]

interface Notice {
  kind: DisputeNotice
  days: number
}

const stageTones = { open: 'warn', upheld: 'bad', corrected: 'ok', kept: 'ok' } as const

export function StageTag({ stage }: { stage: DisputeStage }) {
  const { t } = usePage()
  return <Tag tone={stageTones[stage]}>{t(`staff.dispute_state_${stage}`)}</Tag>
}

function NoticeBanner({ notice }: { notice: Notice | undefined }) {
  const { t } = usePage()
  if (!notice) return null
  return (
    <Banner
      tone={notice.kind === 'answered_before' ? 'warn' : 'ok'}
      title={t(`staff.dispute_notice_${notice.kind}`, { days: notice.days })}
      live
    />
  )
}

export interface DisputeRowView {
  href: string
  text: string
  accountMasked: string
  reason: string
  amountFen: number
  /** How long it waits, in words. */
  waits: string
  dueAt: Date
  isLate: boolean
}

export interface DisputesView {
  rows: readonly DisputeRowView[]
  total: number
  pager: PagerView
  notice?: Notice
}

/** Work list of bills to check: who waits longest comes first. */
export function DisputesPage({ view }: { view: DisputesView }) {
  const { ctx, t } = usePage()
  return (
    <StaffLayout>
      <h1>{t('staff.disputes_n', { n: view.total })}</h1>
      <NoticeBanner notice={view.notice} />
      {view.rows.length === 0 ? (
        <Empty title={t('staff.disputes_none')}>
          <p>{t('staff.disputes_none_text')}</p>
        </Empty>
      ) : (
        <div class="card pane">
          <WideTable
            columns={[
              { title: t('staff.col_what'), cell: (r: DisputeRowView) => <a href={r.href}>{r.text}</a> },
              { title: t('debit.account'), cell: r => r.accountMasked },
              { title: t('staff.dispute_reason'), cell: r => r.reason },
              { title: t('staff.rescue_waits'), cell: r => r.waits },
              {
                title: t('staff.rescue_due'),
                cell: r => (r.isLate ? <Tag tone="bad">{t('staff.rescue_late')}</Tag> : dateTime(ctx.lang, r.dueAt)),
              },
              { title: t('staff.col_amount'), cell: r => yuan(r.amountFen), numeric: true },
            ]}
            rows={view.rows}
          />
        </div>
      )}
      <Pager view={view.pager} />
    </StaffLayout>
  )
}

export const disputesPage = (ctx: StaffPageContext, view: DisputesView): string =>
  renderStaffPage(ctx, <DisputesPage view={view} />, { title: t(ctx.lang)('staff.disputes') })

interface Form {
  action: string
  idempotencyKey: string
  values?: Readonly<Record<string, string>>
  errors?: readonly FieldError[]
}

export interface DeskDisputeView {
  bill: {
    href: string
    no: string
    service: string
    biller: string
    periodLabel: string
    accountMasked: string
    amountFen: number
    dueOn: string
    state: string
  }
  notice?: Notice
  standing?: {
    stage: DisputeStage
    byWindow: boolean
    reason: string
    note?: string
    askedAt: Date
    dueAt: Date
    answer?: string
    answeredAt?: Date
  }
  /** Nothing to check any more. */
  isOver?: boolean
  ask?: Form
  answer?: Form
  /** Whoever asked for the resident does not answer. */
  isOwn?: boolean
  withdrawAction?: string
}

function AskForm({ form }: { form: Form }) {
  const { t } = usePage()
  return (
    <Pane title={t('staff.dispute_ask')} note={t('staff.dispute_lead')}>
      <PostForm action={form.action} class="stack" idempotencyKey={form.idempotencyKey}>
        <Choices
          name="reason"
          legend={t('staff.dispute_reason')}
          choices={disputeReasons.map(value => ({ value, label: t(`dispute.reason_${value}`) }))}
          chosen={form.values?.reason}
          errors={form.errors}
        />
        <Field
          name="note"
          label={t('staff.dispute_note')}
          optional
          rows={3}
          maxLength={500}
          value={form.values?.note}
          errors={form.errors}
        />
        <div class="btns">
          <Button>{t('dispute.submit')}</Button>
        </div>
      </PostForm>
    </Pane>
  )
}

function AnswerForm({ form }: { form: Form }) {
  const { t } = usePage()
  return (
    <Pane title={t('staff.dispute_decision')}>
      <PostForm action={form.action} class="stack" idempotencyKey={form.idempotencyKey}>
        <Choices
          name="decision"
          legend={t('staff.dispute_decision')}
          legendUnseen
          choices={(['uphold', 'keep'] as const).map(value => ({
            value,
            label: t(`staff.dispute_${value}`),
            note: t(`staff.dispute_${value}_note`),
          }))}
          chosen={form.values?.decision}
          errors={form.errors}
        />
        <Field
          name="answer"
          label={t('staff.dispute_answer')}
          hint={t('staff.dispute_answer_hint')}
          rows={3}
          maxLength={200}
          value={form.values?.answer}
          errors={form.errors}
        />
        <div class="btns">
          <Button>{t('staff.dispute_send')}</Button>
        </div>
      </PostForm>
    </Pane>
  )
}

/** The check of one bill at the desk: asked for on behalf of the resident, answered, taken back. */
export function DeskDisputePage({ view }: { view: DeskDisputeView }) {
  const { ctx, t } = usePage()
  const { bill, standing } = view
  return (
    <StaffLayout>
      <ErrorSummary errors={view.ask?.errors ?? view.answer?.errors} />
      <div class="spread row--wrap">
        <h1>{t('staff.disputes')}</h1>
        {standing && <StageTag stage={standing.stage} />}
      </div>
      <NoticeBanner notice={view.notice} />
      {view.isOver && <Banner tone="now" title={t('dispute.over')} />}
      <div class="deskgrid">
        <div class="stack">
          {standing && (
            <Pane title={t('dispute.title')}>
              <SummaryList
                rows={[
                  {
                    label: t('staff.dispute_asked_by'),
                    value: t(standing.byWindow ? 'staff.dispute_by_window' : 'staff.dispute_by_resident'),
                  },
                  { label: t('staff.dispute_reason'), value: standing.reason },
                  ...(standing.note ? [{ label: t('staff.dispute_note'), value: standing.note }] : []),
                  { label: t('dispute.asked_at'), value: dateTime(ctx.lang, standing.askedAt) },
                  ...(standing.answeredAt ? [] : [{ label: t('staff.rescue_due'), value: dateTime(ctx.lang, standing.dueAt) }]),
                  ...(standing.answer ? [{ label: t('dispute.answer'), value: standing.answer }] : []),
                  ...(standing.answeredAt ? [{ label: t('dispute.answered_at'), value: dateTime(ctx.lang, standing.answeredAt) }] : []),
                ]}
              />
              {view.isOwn && <p class="t-2">{t('staff.dispute_own')}</p>}
              {view.withdrawAction && (
                <PostForm action={view.withdrawAction}>
                  <Button kind="secondary">{t('staff.dispute_withdraw')}</Button>
                </PostForm>
              )}
            </Pane>
          )}
          {view.answer && <AnswerForm form={view.answer} />}
          {view.ask && <AskForm form={view.ask} />}
        </div>
        <Pane title={t('dispute.bill')}>
          <SummaryList
            rows={[
              { label: t('staff.col_no'), value: <a href={bill.href}>{bill.no}</a> },
              { label: t('bill.item'), value: t('bill.heading', { service: bill.service, period: bill.periodLabel }) },
              { label: t('staff.biller'), value: bill.biller },
              { label: t('debit.account'), value: bill.accountMasked },
              { label: t('staff.col_amount'), value: yuan(bill.amountFen) },
              { label: t('staff.col_due'), value: day(ctx.lang, bill.dueOn) },
              { label: t('staff.col_state'), value: bill.state },
            ]}
          />
        </Pane>
      </div>
    </StaffLayout>
  )
}

export const deskDisputePage = (ctx: StaffPageContext, view: DeskDisputeView): string =>
  renderStaffPage(ctx, <DeskDisputePage view={view} />, {
    title: t(ctx.lang)('staff.disputes'),
    hasError: !!(view.ask?.errors ?? view.answer?.errors)?.length,
  })
