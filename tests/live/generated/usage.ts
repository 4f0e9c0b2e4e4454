// What a client's author writes against the generated types; tsc must agree with every line.
import type { components, operations } from "./schema";

type Schemas = components["schemas"];
type Body<O extends keyof operations> = operations[O] extends {
  requestBody: { content: { "application/json": infer B } };
}
  ? B
  : never;

export const facebook: Body<"associations_create"> = {
  user_id: 7,
  provider: "facebook",
  ext_id: "fb-1",
  profile_url: null,
  show_in_profile: true,
};
export const external: Body<"associations_create"> = {
  user_id: "7",
  provider: "external",
  ext_id: 5,
  metadata: { plan: "gold", seats: [3, { nested: null }] },
};
export const change: Body<"associations_change_for_user"> = {
  provider: "facebook",
  ext_id: "fb-1",
  show_in_profile: false,
};

type Other = Schemas["CreateOtherProvider"];
// @ts-expect-error: `metadata` is of `external` alone.
export const misfit: Other = { user_id: 7, provider: "facebook", ext_id: "fb-1", metadata: {} };
// @ts-expect-error: an identity has an `ext_id`.
export const incomplete: Schemas["CreateExternal"] = { user_id: 7, provider: "external" };

export function shown(
  list: operations["associations_list"]["responses"][200]["content"]["application/json"],
): string[] {
  return list.map((one) => ("metadata" in one ? one.ext_id : (one.profile_url ?? one.ext_id)));
}

export function codes(problem: Schemas["Problem"]): string[] {
  return problem.errors.map((one) => ("field" in one ? one.messages[0].code : one.code));
}

export const byIdentity: Body<"directory_lookup"> = { provider: "facebook", ext_ids: ["fb-1", 5] };
export const byUser: Body<"directory_lookup"> = { user_ids: [7, "8"] };
// @ts-expect-error: identities are those of a provider.
export const ofNobody: Body<"directory_lookup"> = { ext_ids: ["fb-1"] };

type Page = operations["directory_search"]["responses"][200]["content"]["application/json"];

export function proven(page: Page, makers: number[]): [string[], string | null] {
  const found = page.associations.filter((one) => makers.indexOf(one.created_by) >= 0);
  return [found.map((one) => one.ext_id), page.next_cursor];
}
