import { dateTime, day, dayWithYear, yuan } from '#web/ui/format.ts'
import { Choices, ErrorSummary, Field, type FieldError, FileField, PostForm } from '#web/ui/forms.tsx'
import { t } from '#web/ui/messages.ts'
import { usePage } from '#web/ui/page.tsx'
import { Banner, Button, Empty, LinkButton, SummaryList, Tag, type Tone } from '#web/ui/parts.tsx'
import { Timeline, type TimelineView } from '#web/ui/timeline.tsx'
import { staffPaths } from './paths.ts'
import { Pane, renderStaffPage, StaffLayout, type StaffPageContext, WideTable } from './shell.tsx'

interface Word {
  text: string
  tone?: Tone
}

/** One day of one channel. */
export interface DayView {
  day: string
  channel: string
  rows: number
  paidFen: number
  /** Absent in the file of a biller, which states neither. */
  refundedFen?: number
  /** 1/100000 yuan, as the channel states it. */
  feeE5?: number
  state: Word
  /** Address of the file as received. */
  fileHref?: string
  /** Why there is no statement yet, with the time of the next try. */
  why?: string
}

export interface BreakRowView {
  href: string
  what: string
  severity: Word
  channel: string
  day: string
  waits: string
  amountFen: number
  /** A first person has decided. */
  isProposed: boolean
}

export const RECONCILIATION_NOTICES = ['resolved', 'proposed', 'resolved_before', 'compared', 'unchanged', 'half'] as const
export type ReconciliationNotice = (typeof RECONCILIATION_NOTICES)[number]

export interface UploadFormView {
  action: string
  channels: readonly { value: string; label: string }[]
  values?: { channel?: string; day?: string }
  errors?: readonly FieldError[]
}

export interface ReconciliationView {
  days: readonly DayView[]
  breaks: readonly BreakRowView[]
  /** Money of all open breaks. */
  openFen: number
  exportHref: string
  notice?: ReconciliationNotice
  /** For who may bring a statement in. */
  upload?: UploadFormView
}

/** The channel's fee to the fen and beyond, as far as it is not zero. */
const fee = (e5: number): string => (e5 / 100_000).toFixed(5).replace(/0{1,3}$/, '')

function Days({ rows }: { rows: readonly DayView[] }) {
  const { ctx, t } = usePage()
  if (rows.length === 0)
    return (
      <Empty title={t('staff.recon_days_none')}>
        <p>{t('staff.recon_days_none_text')}</p>
      </Empty>
    )
  return (
    <WideTable
      columns={[
        { title: t('staff.recon_day'), cell: (r: DayView) => day(ctx.lang, r.day) },
        { title: t('staff.recon_channel'), cell: r => r.channel },
        { title: t('staff.recon_rows'), cell: r => (r.why ? '' : r.rows), numeric: true },
        { title: t('staff.recon_paid'), cell: r => (r.why ? '' : yuan(r.paidFen)), numeric: true },
        { title: t('staff.recon_refunded'), cell: r => (r.why || r.refundedFen === undefined ? '' : yuan(r.refundedFen)), numeric: true },
        { title: t('staff.recon_fee'), cell: r => (r.why || r.feeE5 === undefined ? '' : fee(r.feeE5)), numeric: true },
        {
          title: t('staff.col_state'),
          cell: r => (
            <>
              <Tag tone={r.state.tone}>{r.state.text}</Tag>
              {r.why && <small class="t-3"> {r.why}</small>}
            </>
          ),
        },
        { title: t('staff.recon_file'), cell: r => r.fileHref && <a href={r.fileHref}>{t('staff.recon_download')}</a> },
      ]}
      rows={rows}
    />
  )
}

function Breaks({ view }: { view: ReconciliationView }) {
  const { ctx, t } = usePage()
  if (view.breaks.length === 0)
    return (
      <Empty title={t('staff.breaks_none')}>
        <p>{t('staff.breaks_none_text')}</p>
      </Empty>
    )
  return (
    <>
      <WideTable
        columns={[
          { title: t('staff.col_what'), cell: (r: BreakRowView) => <a href={r.href}>{r.what}</a> },
          { title: t('staff.break_severity'), cell: r => <Tag tone={r.severity.tone}>{r.severity.text}</Tag> },
          { title: t('staff.recon_channel'), cell: r => r.channel },
          { title: t('staff.recon_day'), cell: r => day(ctx.lang, r.day) },
          { title: t('staff.rescue_waits'), cell: r => r.waits },
          { title: t('staff.col_state'), cell: r => (r.isProposed ? t('staff.break_proposed') : t('staff.break_open')) },
          { title: t('staff.col_amount'), cell: r => yuan(r.amountFen), numeric: true },
        ]}
        rows={view.breaks}
      />
      <div class="btns">
        <LinkButton kind="secondary" href={view.exportHref}>
          {t('staff.breaks_export')}
        </LinkButton>
      </div>
    </>
  )
}

function UploadPane({ form }: { form: UploadFormView }) {
  const { t } = usePage()
  return (
    <Pane title={t('staff.recon_upload')} note={t('staff.recon_upload_note')}>
      <PostForm action={form.action} class="stack" hasFile>
        <Choices
          name="channel"
          legend={t('staff.recon_channel')}
          isDense
          choices={form.channels}
          chosen={form.values?.channel}
          errors={form.errors}
        />
        <Field
          name="day"
          label={t('staff.recon_day')}
          hint={t('staff.recon_day_hint')}
          value={form.values?.day}
          maxLength={10}
          errors={form.errors}
        />
        <FileField
          name="file"
          label={t('staff.recon_file')}
          hint={t('staff.recon_file_hint')}
          accept=".csv,.zip,.txt"
          errors={form.errors}
        />
        <div class="btns">
          <Button>{t('staff.recon_compare')}</Button>
        </div>
      </PostForm>
    </Pane>
  )
}

function BreakNotice({ notice }: { notice: ReconciliationNotice | undefined }) {
  const { t } = usePage()
  return notice ? <Banner tone={notice.endsWith('_before') ? 'warn' : 'ok'} title={t(`staff.notice_break_${notice}`)} live /> : null
}

/** How the days agree with the channels, and what waits for a decision, the gravest first. */
export function ReconciliationPage({ view }: { view: ReconciliationView }) {
  const { t } = usePage()
  return (
    <StaffLayout>
      <ErrorSummary errors={view.upload?.errors} />
      <h1>{t('staff.recon_n', { n: view.breaks.length, amount: yuan(view.openFen) })}</h1>
      <BreakNotice notice={view.notice} />
      <Pane title={t('staff.breaks')}>
        <Breaks view={view} />
      </Pane>
      <Pane title={t('staff.recon_days')} note={t('staff.recon_days_note')}>
        <Days rows={view.days} />
      </Pane>
      {view.upload && <UploadPane form={view.upload} />}
    </StaffLayout>
  )
}

export const reconciliationPage = (ctx: StaffPageContext, view: ReconciliationView): string =>
  renderStaffPage(ctx, <ReconciliationPage view={view} />, { title: t(ctx.lang)('staff.recon') })

export interface BreakView {
  /** What became of the one before, where this one came next. */
  notice?: ReconciliationNotice
  what: string
  /** What it means and what to do, in words. */
  advice: string
  severity: Word
  state: string
  channel: string
  /** A biller's paper, not a channel's. */
  isBillers?: boolean
  day: string
  channelNo: string
  ourNo: string
  line?: number
  statedFen?: number
  bookedFen?: number
  happenedAt: Date
  openedAt: Date
  /** The order it belongs to, where it is one of ours. */
  orderHref?: string
  decision?: { reason: string; note?: string; by: string; isFinal: boolean }
  /** For who may decide. */
  form?: {
    action: string
    reasons: readonly { value: string; label: string }[]
    note: string
    values?: { reason?: string; note?: string }
    errors?: readonly FieldError[]
  }
  timeline: readonly TimelineView[]
}

/** One difference with both sides, and the decision about it. */
export function BreakPage({ view }: { view: BreakView }) {
  const { ctx, t } = usePage()
  const { form, decision } = view
  const side = (fen: number | undefined) => (fen === undefined ? t('staff.break_nothing') : yuan(fen))
  return (
    <StaffLayout>
      <ErrorSummary errors={form?.errors} />
      <BreakNotice notice={view.notice} />
      <div class="spread row--wrap">
        <h1>{view.what}</h1>
        <Tag tone={view.severity.tone}>{view.severity.text}</Tag>
      </div>
      <p>{view.advice}</p>
      <div class="deskgrid">
        <div class="stack">
          <Pane title={t('staff.break_sides')}>
            <SummaryList
              rows={[
                { label: t(view.isBillers ? 'staff.break_stated_biller' : 'staff.break_stated'), value: side(view.statedFen) },
                { label: t(view.isBillers ? 'staff.break_booked_biller' : 'staff.break_booked'), value: side(view.bookedFen) },
                { label: t('staff.col_state'), value: view.state },
                { label: t('staff.recon_channel'), value: view.channel },
                { label: t('staff.recon_day'), value: dayWithYear(ctx.lang, view.day) },
                { label: t(view.isBillers ? 'staff.break_no_biller' : 'staff.break_channel_no'), value: view.channelNo },
                ...(view.ourNo ? [{ label: t(view.isBillers ? 'staff.break_bill_no' : 'staff.break_our_no'), value: view.ourNo }] : []),
                ...(view.line ? [{ label: t('staff.break_line'), value: view.line }] : []),
                { label: t('staff.col_at'), value: dateTime(ctx.lang, view.happenedAt) },
                { label: t('staff.break_opened'), value: dateTime(ctx.lang, view.openedAt) },
              ]}
            />
            {view.orderHref && (
              <div class="btns">
                <LinkButton kind="secondary" href={view.orderHref}>
                  {t('staff.break_order')}
                </LinkButton>
              </div>
            )}
          </Pane>
          {decision && (
            <Pane title={decision.isFinal ? t('staff.break_decided') : t('staff.break_proposed')}>
              <SummaryList
                rows={[
                  { label: t('staff.break_reason'), value: decision.reason },
                  ...(decision.note ? [{ label: t('staff.break_note'), value: decision.note }] : []),
                  { label: t('staff.break_by'), value: decision.by },
                ]}
              />
            </Pane>
          )}
          {form && (
            <Pane title={t('staff.break_decide')} note={form.note}>
              <PostForm action={form.action} class="stack">
                <Choices
                  name="reason"
                  legend={t('staff.break_reason')}
                  choices={form.reasons}
                  chosen={form.values?.reason}
                  autoFocus={!form.errors}
                  errors={form.errors}
                />
                <Field
                  name="note"
                  label={t('staff.break_note')}
                  hint={t('staff.break_note_hint')}
                  rows={2}
                  value={form.values?.note}
                  maxLength={200}
                  errors={form.errors}
                />
                <div class="btns">
                  <Button>{t('staff.break_send')}</Button>
                  <LinkButton kind="secondary" href={staffPaths.reconciliation}>
                    {t('staff.break_back')}
                  </LinkButton>
                </div>
              </PostForm>
            </Pane>
          )}
        </div>
        <Pane title={t('staff.timeline')}>
          {view.timeline.length === 0 ? <p class="t-3">{t('staff.timeline_none')}</p> : <Timeline entries={view.timeline} />}
        </Pane>
      </div>
    </StaffLayout>
  )
}

export const breakPage = (ctx: StaffPageContext, view: BreakView): string =>
  renderStaffPage(ctx, <BreakPage view={view} />, { title: view.what })
