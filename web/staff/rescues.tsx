import { dateTime, yuan } from '#web/ui/format.ts'
import { Choices, Field, type FieldError, Hidden, PostForm } from '#web/ui/forms.tsx'
import { t } from '#web/ui/messages.ts'
import { usePage } from '#web/ui/page.tsx'
import { Banner, Button, Empty, Pager, type PagerView, SummaryList, Tag } from '#web/ui/parts.tsx'
import { Pane, renderStaffPage, StaffLayout, type StaffPageContext, WideTable } from './shell.tsx'

/** Who has a request in hand, and what the reader may do about it. */
export interface HandsView {
  /** Undefined while nobody has. */
  name?: string
  action: string
  act?: 'take' | 'give_back'
  /** Of what, for who hears the button alone. */
  what: string
}

function Hands({ view }: { view: HandsView }) {
  const { t } = usePage()
  return (
    <div class="spread row--wrap">
      <span>{view.name ?? t('staff.rescue_nobody')}</span>
      {view.act && (
        <PostForm action={view.action}>
          <Hidden name="act" value={view.act} />
          <Button kind="secondary">
            {t(`staff.rescue_${view.act}`)}
            <span class="unseen">{view.what}</span>
          </Button>
        </PostForm>
      )}
    </div>
  )
}

export interface RescueRowView {
  href: string
  text: string
  reason: string
  amountFen: number
  askedAt: Date
  /** How long it waits, in words. */
  waits: string
  dueAt: Date
  isLate: boolean
  hands?: HandsView
}

export const RESCUE_NOTICES = ['answered', 'answered_before', 'taken', 'given_back', 'taken_before'] as const
export type RescueNotice = (typeof RESCUE_NOTICES)[number]

export interface RescuesView {
  rows: readonly RescueRowView[]
  total: number
  pager: PagerView
  notice?: RescueNotice
  /** Who was faster, with `taken_before`. */
  takenBy?: string
}

/** Work list of payments reported as a mistake: who waits longest comes first. */
export function RescuesPage({ view }: { view: RescuesView }) {
  const { ctx, t } = usePage()
  return (
    <StaffLayout>
      <h1>{t('staff.rescues_n', { n: view.total })}</h1>
      {view.notice && (
        <Banner
          tone={view.notice.endsWith('_before') ? 'warn' : 'ok'}
          title={t(`staff.notice_${view.notice}`, { name: view.takenBy ?? t('staff.colleague') })}
          live
        />
      )}
      {view.rows.length === 0 ? (
        <Empty title={t('staff.rescues_none')}>
          <p>{t('staff.rescues_none_text')}</p>
        </Empty>
      ) : (
        <div class="card pane">
          <WideTable
            columns={[
              { title: t('staff.col_what'), cell: (r: RescueRowView) => <a href={r.href}>{r.text}</a> },
              { title: t('staff.rescue_reason'), cell: r => r.reason },
              { title: t('staff.rescue_waits'), cell: r => r.waits },
              {
                title: t('staff.rescue_due'),
                cell: r => (r.isLate ? <Tag tone="bad">{t('staff.rescue_late')}</Tag> : dateTime(ctx.lang, r.dueAt)),
              },
              { title: t('staff.rescue_hands'), cell: r => r.hands && <Hands view={r.hands} /> },
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

export const rescuesPage = (ctx: StaffPageContext, view: RescuesView): string =>
  renderStaffPage(ctx, <RescuesPage view={view} />, { title: t(ctx.lang)('staff.rescues') })

export interface RescueView {
  state: { text: string; tone?: 'ok' | 'warn' | 'bad' }
  reason: string
  /** In the words of the payer. */
  note?: string
  askedAt: Date
  dueAt: Date
  hands?: HandsView
  answer?: string
  answeredAt?: Date
  /** For who may answer while nobody has. */
  form?: {
    action: string
    idempotencyKey: string
    values?: { decision?: string; answer?: string }
    errors?: readonly FieldError[]
  }
}

/** What the payer says went wrong, and the answer. Fields `decision` (agree, refuse) and `answer`. */
export function RescuePane({ view }: { view: RescueView }) {
  const { ctx, t } = usePage()
  const { form } = view
  return (
    <Pane title={t('staff.rescue')}>
      <SummaryList
        rows={[
          { label: t('staff.col_state'), value: <Tag tone={view.state.tone}>{view.state.text}</Tag> },
          { label: t('staff.rescue_reason'), value: view.reason },
          ...(view.note ? [{ label: t('staff.rescue_note'), value: view.note }] : []),
          { label: t('staff.rescue_asked'), value: dateTime(ctx.lang, view.askedAt) },
          ...(view.answeredAt ? [] : [{ label: t('staff.rescue_due'), value: dateTime(ctx.lang, view.dueAt) }]),
          ...(view.hands ? [{ label: t('staff.rescue_hands'), value: <Hands view={view.hands} /> }] : []),
          ...(view.answer ? [{ label: t('staff.rescue_answer'), value: view.answer }] : []),
          ...(view.answeredAt ? [{ label: t('staff.rescue_answered'), value: dateTime(ctx.lang, view.answeredAt) }] : []),
        ]}
      />
      {form && (
        <PostForm action={form.action} class="stack" idempotencyKey={form.idempotencyKey}>
          <Choices
            name="decision"
            legend={t('staff.rescue_decision')}
            choices={[
              { value: 'agree', label: t('staff.rescue_agree') },
              { value: 'refuse', label: t('staff.rescue_refuse') },
            ]}
            chosen={form.values?.decision}
            errors={form.errors}
          />
          <Field
            name="answer"
            label={t('staff.rescue_answer')}
            hint={t('staff.rescue_answer_hint')}
            rows={3}
            value={form.values?.answer}
            maxLength={200}
            errors={form.errors}
          />
          <div class="btns">
            <Button>{t('staff.rescue_send')}</Button>
          </div>
        </PostForm>
      )}
    </Pane>
  )
}
