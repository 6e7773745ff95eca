import { PART_FIRST } from '#modules/billing/index.ts'
import { dayWithYear, yuan } from '#web/ui/format.ts'
import { Choices, ErrorSummary, Field, type FieldError, Hidden, PostForm } from '#web/ui/forms.tsx'
import { t } from '#web/ui/messages.ts'
import { usePage } from '#web/ui/page.tsx'
import { Banner, Button, LinkButton, SummaryList, Tag } from '#web/ui/parts.tsx'
import { staffPaths } from './paths.ts'
import { Pane, renderStaffPage, StaffLayout, type StaffPageContext, WideTable } from './shell.tsx'

export const RULE_NOTICES = ['asked', 'agreed', 'declined', 'decided_before', 'late', 'own'] as const
export type RuleNotice = (typeof RULE_NOTICES)[number]

interface RuleLine {
  biller: string
  validFrom: string
  /** The rule in words. */
  text: string
}

export interface RulesView {
  /** In force now, and those agreed for days to come. */
  current: readonly (RuleLine & { isFuture: boolean; changeHref: string; values: Readonly<Record<string, string>> })[]
  asked: readonly (RuleLine & { note: string; askedBy: string; action: string; isOwn: boolean })[]
  waivers: readonly { account: string; days: string; reason: string; askedBy: string; action: string; isOwn: boolean }[]
  mayAgree: boolean
  notice?: RuleNotice
  /** For who may ask. */
  form?: {
    billers: readonly { value: string; label: string }[]
    values?: Readonly<Record<string, string>>
    errors?: readonly FieldError[]
  }
  preview?: {
    /** The rule before and after, in words; the same where only the late fee differs in nothing. */
    before: string
    after: string
    rebate?: { oldBills: number; oldFen: number; newBills: number; newFen: number }
    day: string
    changed: number
    open: number
    oldFen: number
    newFen: number
    sample: readonly { billNo: string; amountFen: number; dueOn: string; oldFen: number; newFen: number }[]
  }
}

function Decide({ row, mayAgree, what }: { row: { action: string; isOwn: boolean }; mayAgree: boolean; what: string }) {
  const { t } = usePage()
  const form = (act: 'agree' | 'decline', kind: 'secondary' | 'quiet', label: string) => (
    <PostForm action={row.action}>
      <Hidden name="act" value={act} />
      <Button kind={kind}>
        {label}
        <span class="unseen">{what}</span>
      </Button>
    </PostForm>
  )
  return (
    <div class="row">
      {mayAgree && !row.isOwn && form('agree', 'secondary', t('staff.refund_agree'))}
      {(mayAgree || row.isOwn) && form('decline', 'quiet', t(row.isOwn ? 'staff.refund_take_back' : 'staff.refund_decline'))}
    </div>
  )
}

const FIELDS = ['valid_from', 'grace', 'rate', 'minimum'] as const
const MORE = ['part_min', 'rebate_days', 'rebate_rate', 'cut_off', 'reversal', 'prepay_max'] as const

function AskForm({ form }: { form: NonNullable<RulesView['form']> }) {
  const { t } = usePage()
  const { values = {}, errors } = form
  const field = (name: (typeof FIELDS)[number] | (typeof MORE)[number], isOptional: boolean) => (
    <Field
      key={name}
      name={name}
      label={t(`rules.${name}`)}
      hint={t(`rules.${name}_hint`)}
      {...(values[name] !== undefined && { value: values[name] })}
      {...(isOptional && { optional: true })}
      inputMode={name === 'valid_from' || name === 'cut_off' ? 'text' : 'decimal'}
      maxLength={20}
      autoComplete="off"
      {...(errors && { errors })}
    />
  )
  return (
    <Pane title={t('rules.ask')} note={t('rules.ask_note')}>
      <PostForm action={staffPaths.rules} class="stack">
        <Choices
          name="biller"
          legend={t('staff.biller')}
          isDense
          choices={form.billers}
          {...(values.biller && { chosen: values.biller })}
          {...(errors && { errors })}
        />
        {FIELDS.map(name => field(name, false))}
        <details open={MORE.some(name => values[name] || errors?.some(e => e.field === name))}>
          <summary>{t('rules.more')}</summary>
          <div class="stack">
            {MORE.slice(0, 1).map(name => field(name, true))}
            <Choices
              name="part_first"
              legend={t('rules.part_first')}
              choices={PART_FIRST.map(first => ({ value: first, label: t(`rules.first_${first}`) }))}
              chosen={values.part_first || 'late_fee'}
            />
            {MORE.slice(1).map(name => field(name, true))}
          </div>
        </details>
        <Field
          name="note"
          label={t('rules.note')}
          {...(values.note !== undefined && { value: values.note })}
          maxLength={200}
          autoComplete="off"
          {...(errors && { errors })}
        />
        <div class="btns">
          <Button name="act" value="preview">
            {t('rules.preview_do')}
          </Button>
        </div>
      </PostForm>
    </Pane>
  )
}

function Preview({ view, values }: { view: NonNullable<RulesView['preview']>; values: Readonly<Record<string, string>> }) {
  const { ctx, t } = usePage()
  return (
    <Pane title={t('rules.preview', { day: dayWithYear(ctx.lang, view.day) })} note={t('rules.preview_note')}>
      <SummaryList
        rows={[
          { label: t('rules.preview_before'), value: view.before },
          { label: t('rules.preview_after'), value: view.after },
          ...(view.rebate
            ? [
                {
                  label: t('rules.preview_rebate_old'),
                  value: t('rules.preview_rebate', { n: view.rebate.oldBills, amount: yuan(view.rebate.oldFen) }),
                },
                {
                  label: t('rules.preview_rebate_new'),
                  value: t('rules.preview_rebate', { n: view.rebate.newBills, amount: yuan(view.rebate.newFen) }),
                },
              ]
            : []),
          { label: t('rules.preview_bills'), value: t('rules.preview_of', { n: view.changed, of: view.open }) },
          { label: t('rules.preview_old'), value: yuan(view.oldFen) },
          { label: t('rules.preview_new'), value: yuan(view.newFen) },
        ]}
      />
      {view.sample.length > 0 && (
        <WideTable
          columns={[
            { title: t('staff.kind_bill'), cell: (r: NonNullable<RulesView['preview']>['sample'][number]) => r.billNo },
            { title: t('staff.col_due'), cell: r => dayWithYear(ctx.lang, r.dueOn) },
            { title: t('staff.col_amount'), cell: r => yuan(r.amountFen), numeric: true },
            { title: t('rules.preview_old'), cell: r => yuan(r.oldFen), numeric: true },
            { title: t('rules.preview_new'), cell: r => yuan(r.newFen), numeric: true },
          ]}
          rows={view.sample}
        />
      )}
      <PostForm action={staffPaths.rules}>
        {['biller', ...FIELDS, ...MORE, 'part_first', 'note'].map(name => (
          <Hidden key={name} name={name} value={values[name] ?? ''} />
        ))}
        <Button name="act" value="ask">
          {t('rules.ask_do')}
        </Button>
      </PostForm>
    </Pane>
  )
}

/** Late fee rules of every biller: what holds, what will, what waits for a second person. */
export function RulesPage({ view }: { view: RulesView }) {
  const { ctx, t } = usePage()
  const { form, preview } = view
  return (
    <StaffLayout>
      <ErrorSummary errors={form?.errors} />
      <h1>{t('rules.title')}</h1>
      {view.notice && (
        <Banner
          tone={['decided_before', 'late', 'own'].includes(view.notice) ? 'warn' : 'ok'}
          title={t(`rules.notice_${view.notice}`)}
          live
        />
      )}
      {preview && <Preview view={preview} values={form?.values ?? {}} />}
      {view.asked.length > 0 && (
        <Pane title={t('rules.asked')}>
          <WideTable
            columns={[
              { title: t('staff.biller'), cell: (r: RulesView['asked'][number]) => r.biller },
              { title: t('rules.valid_from'), cell: r => dayWithYear(ctx.lang, r.validFrom) },
              { title: t('rules.rule'), cell: r => r.text },
              { title: t('rules.note'), cell: r => r.note },
              { title: t('staff.refund_asked_by'), cell: r => r.askedBy },
              {
                title: t('staff.refund_decision'),
                cell: r => <Decide row={r} mayAgree={view.mayAgree} what={`${r.biller} ${r.validFrom}`} />,
              },
            ]}
            rows={view.asked}
          />
        </Pane>
      )}
      {view.waivers.length > 0 && (
        <Pane title={t('rules.waivers')} note={t('rules.waivers_note')}>
          <WideTable
            columns={[
              { title: t('staff.kind_account'), cell: (r: RulesView['waivers'][number]) => r.account },
              { title: t('rules.waiver_days'), cell: r => r.days },
              { title: t('staff.col_why'), cell: r => r.reason },
              { title: t('staff.refund_asked_by'), cell: r => r.askedBy },
              { title: t('staff.refund_decision'), cell: r => <Decide row={r} mayAgree={view.mayAgree} what={r.account} /> },
            ]}
            rows={view.waivers}
          />
        </Pane>
      )}
      <Pane title={t('rules.current')}>
        <WideTable
          columns={[
            { title: t('staff.biller'), cell: (r: RulesView['current'][number]) => r.biller },
            { title: t('rules.rule'), cell: r => r.text },
            {
              title: t('rules.valid_from'),
              cell: r =>
                r.isFuture ? (
                  <Tag tone="now">{dayWithYear(ctx.lang, r.validFrom)}</Tag>
                ) : r.validFrom.startsWith('0001') ? (
                  t('rules.always')
                ) : (
                  dayWithYear(ctx.lang, r.validFrom)
                ),
            },
            ...(form
              ? [
                  {
                    title: t('rules.ask'),
                    cell: (r: RulesView['current'][number]) => (
                      <a href={r.changeHref}>
                        {t('rules.change')}
                        <span class="unseen">{r.biller}</span>
                      </a>
                    ),
                  },
                ]
              : []),
          ]}
          rows={view.current}
        />
      </Pane>
      {form && <AskForm form={form} />}
    </StaffLayout>
  )
}

export const rulesPage = (ctx: StaffPageContext, view: RulesView): string =>
  renderStaffPage(ctx, <RulesPage view={view} />, { title: t(ctx.lang)('rules.title'), hasError: !!view.form?.errors?.length })

export interface WaiverFormView {
  account: string
  action: string
  backHref: string
  reasons: readonly { value: string; label: string }[]
  values?: Readonly<Record<string, string>>
  errors?: readonly FieldError[]
}

/** Asking that an account owe no late fee for some days. */
export function WaiverPage({ view }: { view: WaiverFormView }) {
  const { t } = usePage()
  const { values = {}, errors } = view
  return (
    <StaffLayout>
      <ErrorSummary errors={errors} />
      <h1>{t('rules.waiver_title')}</h1>
      <Pane title={t('staff.account', { no: view.account })} note={t('rules.waiver_note')}>
        <PostForm action={view.action} class="stack">
          <Field
            name="from"
            label={t('rules.waiver_from')}
            hint={t('rules.valid_from_hint')}
            {...(values.from !== undefined && { value: values.from })}
            maxLength={20}
            autoComplete="off"
            {...(errors && { errors })}
          />
          <Field
            name="to"
            label={t('rules.waiver_to')}
            {...(values.to !== undefined && { value: values.to })}
            maxLength={20}
            autoComplete="off"
            {...(errors && { errors })}
          />
          <Choices
            name="reason"
            legend={t('staff.col_why')}
            choices={view.reasons}
            {...(values.reason && { chosen: values.reason })}
            {...(errors && { errors })}
          />
          <Field
            name="note"
            label={t('rules.waiver_more')}
            optional
            {...(values.note !== undefined && { value: values.note })}
            maxLength={200}
            autoComplete="off"
            {...(errors && { errors })}
          />
          <div class="btns">
            <Button>{t('rules.ask_do')}</Button>
            <LinkButton href={view.backHref} kind="secondary">
              {t('rules.waiver_back')}
            </LinkButton>
          </div>
        </PostForm>
      </Pane>
    </StaffLayout>
  )
}

export const waiverPage = (ctx: StaffPageContext, view: WaiverFormView): string =>
  renderStaffPage(ctx, <WaiverPage view={view} />, { title: t(ctx.lang)('rules.waiver_title'), hasError: !!view.errors?.length })
