import { FEATURES } from '#modules/billing/index.ts'
import { Choices, ErrorSummary, Field, type FieldError, Hidden, PostForm } from '#web/ui/forms.tsx'
import { t } from '#web/ui/messages.ts'
import { usePage } from '#web/ui/page.tsx'
import { Banner, Button, Empty, SummaryList, Tag, type Tone } from '#web/ui/parts.tsx'
import { staffPaths } from '../paths.ts'
import { Pane, renderStaffPage, StaffLayout, type StaffPageContext, WideTable } from '../shell.tsx'

export const SWITCH_NOTICES = ['asked', 'agreed', 'declined', 'back', 'cancelled', 'restored', 'saved', 'decided', 'late', 'own'] as const
export type SwitchNotice = (typeof SWITCH_NOTICES)[number]

export const STEP_FIELDS = [1, 2, 3] as const

export interface SwitchPlanRow {
  what: string
  where: string
  ramp: string
  tries: string
  note: string
  state: { text: string; tone?: Tone }
  action: string
  mayAgree: boolean
  mayDecline: boolean
  /** What pressing does now: a plan that has not begun is cancelled, one that runs is switched off. */
  takeBack?: 'cancel' | 'off'
  mayRestore: boolean
  /** What agreeing to it would take away at once. */
  warning?: string
  /** Of one's own: declining it is withdrawing. */
  isOwn: boolean
}

export interface SwitchPageView {
  plans: readonly SwitchPlanRow[]
  rules: readonly { prefix: string; community: string }[]
  accounts: readonly { community: string; accounts: number }[]
  communities: readonly { value: string; label: string }[]
  mayAsk: boolean
  notice?: SwitchNotice
  values?: Readonly<Record<string, string>>
  errors?: readonly FieldError[]
  preview?: { accounts: number; before: number; warning?: string; steps: readonly { at: string; pct: number; accounts: number }[] }
}

function PlanActions({ row }: { row: SwitchPlanRow }) {
  const { t } = usePage()
  const act = (name: string, label: string, kind: 'secondary' | 'quiet') => (
    <PostForm action={row.action}>
      <Hidden name="act" value={name} />
      <Button kind={kind}>
        {label}
        <span class="unseen">{row.what}</span>
      </Button>
    </PostForm>
  )
  return (
    <div class="stack stack--tight">
      {row.warning && <p class="t-bad">{row.warning}</p>}
      {row.mayAgree && act('agree', t('staff.refund_agree'), 'secondary')}
      {row.mayDecline && act('decline', t(row.isOwn ? 'switch.withdraw' : 'staff.refund_decline'), 'quiet')}
      {(row.takeBack || row.mayRestore) && (
        <PostForm action={row.action} class="row">
          <Hidden name="act" value={row.takeBack ? 'back' : 'restore'} />
          <label>
            <span class="unseen">{t(row.takeBack ? 'switch.back_note' : 'switch.restore_note')}</span>
            <input
              class="input"
              type="text"
              name="back-note"
              maxLength={200}
              placeholder={t(row.takeBack ? 'switch.back_note' : 'switch.restore_note')}
            />
          </label>
          <Button kind="secondary">{t(row.takeBack ? `switch.${row.takeBack}` : 'switch.restore')}</Button>
        </PostForm>
      )}
    </div>
  )
}

function AskForm({ view }: { view: SwitchPageView }) {
  const { t } = usePage()
  const { values = {}, errors } = view
  const field = (name: string, label: string, hint?: string) => (
    <Field
      key={name}
      name={name}
      label={label}
      {...(hint && { hint })}
      {...(values[name] !== undefined && { value: values[name] })}
      maxLength={200}
      autoComplete="off"
      {...(errors && { errors })}
    />
  )
  return (
    <Pane title={t('switch.ask')} note={t('switch.ask_note')}>
      <PostForm action={staffPaths.switchover} class="stack">
        <Choices
          name="feature"
          legend={t('switch.feature')}
          choices={FEATURES.map(value => ({ value, label: t(`switch.feature_${value}`) }))}
          isDense
          {...(values.feature && { chosen: values.feature })}
          {...(errors && { errors })}
        />
        <fieldset class="choices choices--box choices--grid" id="areas">
          <legend class="legend">{t('switch.where')}</legend>
          <p class="hint">{t('switch.areas_hint')}</p>
          {view.communities.map(c => (
            <label class="choice" key={c.value}>
              <input type="checkbox" name={`area-${c.value}`} value="on" checked={values[`area-${c.value}`] === 'on'} />
              <span class="choice__text">{c.label}</span>
            </label>
          ))}
        </fieldset>
        {STEP_FIELDS.map(n => (
          <div class="deskgrid" key={n}>
            {field(n === 1 ? 'steps' : `at${n}`, t('switch.at', { n }), t('switch.at_hint'))}
            {field(`pct${n}`, t('switch.pct', { n }))}
          </div>
        ))}
        <div class="deskgrid">
          {field('hours', t('switch.open_from'), t('switch.hour_hint'))}
          {field('open_until', t('switch.open_until'), t('switch.hour_hint'))}
        </div>
        {field('budget', t('switch.budget'))}
        {field('tries_min', t('switch.tries_min'))}
        {field('window', t('switch.window'))}
        {field('note', t('switch.note'))}
        <div class="btns">
          <Button name="act" value="preview">
            {t('switch.preview_do')}
          </Button>
        </div>
      </PostForm>
    </Pane>
  )
}

function Preview({ view }: { view: SwitchPageView & { preview: NonNullable<SwitchPageView['preview']> } }) {
  const { t } = usePage()
  const { preview, values = {} } = view
  return (
    <Pane title={t('switch.preview')}>
      {preview.warning && <Banner tone="warn" title={preview.warning} />}
      <SummaryList
        rows={[
          { label: t('switch.preview_accounts'), value: preview.accounts },
          { label: t('switch.preview_before'), value: t('switch.preview_on', { n: preview.before }) },
          ...preview.steps.map(step => ({
            label: t('switch.preview_step', { at: step.at }),
            value: t('switch.preview_in', { n: step.accounts, pct: step.pct }),
          })),
        ]}
      />
      <PostForm action={staffPaths.switchover}>
        {Object.entries(values)
          .filter(([name]) => name !== 'csrf' && name !== 'act')
          .map(([name, value]) => (
            <Hidden key={name} name={name} value={value} />
          ))}
        <Button name="act" value="ask">
          {t('switch.ask_do')}
        </Button>
      </PostForm>
    </Pane>
  )
}

function Communities({ view }: { view: SwitchPageView }) {
  const { t } = usePage()
  return (
    <Pane title={t('switch.rules')} note={t('switch.rules_note')}>
      <WideTable
        columns={[
          { title: t('switch.community'), cell: (r: SwitchPageView['accounts'][number]) => r.community },
          { title: t('switch.accounts'), cell: r => r.accounts, numeric: true },
        ]}
        rows={view.accounts}
      />
      {view.rules.length > 0 && (
        <details>
          <summary>{t('switch.rules_list', { n: view.rules.length })}</summary>
          <WideTable
            columns={[
              { title: t('switch.prefix'), cell: (r: SwitchPageView['rules'][number]) => r.prefix },
              { title: t('switch.community'), cell: r => r.community },
              ...(view.mayAsk
                ? [
                    {
                      title: t('staff.refund_decision'),
                      cell: (r: SwitchPageView['rules'][number]) => (
                        <PostForm action={staffPaths.switchAreas}>
                          <Hidden name="act" value="remove" />
                          <Hidden name="prefix" value={r.prefix} />
                          <Button kind="quiet">
                            {t('switch.remove')}
                            <span class="unseen">{r.prefix}</span>
                          </Button>
                        </PostForm>
                      ),
                    },
                  ]
                : []),
            ]}
            rows={view.rules}
          />
        </details>
      )}
      {view.mayAsk && view.communities.length > 0 && (
        <PostForm action={staffPaths.switchAreas} class="stack">
          <Field
            name="prefix"
            label={t('switch.prefix')}
            hint={t('switch.prefix_hint')}
            maxLength={60}
            {...(view.errors && { errors: view.errors })}
          />
          <Choices
            name="area"
            legend={t('switch.community')}
            choices={view.communities}
            isDense
            {...(view.errors && { errors: view.errors })}
          />
          <div class="btns">
            <Button kind="secondary">{t('switch.add')}</Button>
          </div>
        </PostForm>
      )}
    </Pane>
  )
}

/** Plans of the switchover, how they stand, and where addresses lie. */
export function SwitchPage({ view }: { view: SwitchPageView }) {
  const { t } = usePage()
  const { preview } = view
  return (
    <StaffLayout>
      <ErrorSummary errors={view.errors} />
      <h1>{t('switch.title')}</h1>
      <p class="t-2">{t('switch.lead')}</p>
      {view.notice && (
        <Banner tone={['decided', 'late', 'own'].includes(view.notice) ? 'warn' : 'ok'} title={t(`switch.notice_${view.notice}`)} live />
      )}
      {preview && <Preview view={{ ...view, preview }} />}
      <Pane title={t('switch.plans')}>
        {view.plans.length === 0 ? (
          <Empty title={t('switch.none')}>
            <p>{t('switch.none_text')}</p>
          </Empty>
        ) : (
          <WideTable
            columns={[
              { title: t('switch.feature'), cell: (r: SwitchPlanRow) => r.what },
              { title: t('switch.where'), cell: r => r.where },
              { title: t('switch.ramp'), cell: r => r.ramp },
              { title: t('switch.tries'), cell: r => r.tries },
              { title: t('staff.col_state'), cell: r => <Tag tone={r.state.tone}>{r.state.text}</Tag> },
              { title: t('switch.note'), cell: r => r.note },
              { title: t('staff.refund_decision'), cell: r => <PlanActions row={r} /> },
            ]}
            rows={view.plans}
          />
        )}
      </Pane>
      {view.mayAsk && <AskForm view={view} />}
      <Communities view={view} />
    </StaffLayout>
  )
}

export const switchPage = (ctx: StaffPageContext, view: SwitchPageView): string =>
  renderStaffPage(ctx, <SwitchPage view={view} />, { title: t(ctx.lang)('switch.title'), hasError: !!view.errors?.length })
