// What becomes of the fields of a RouteConfiguration (config/route/v3).
import { type MessageSupport, SupportTable } from './support.ts'

const LATER = 'not honoured yet'
const NO_EFFECT = 'nothing is buffered in the mesh'

/** Shared by every table in which these messages occur. */
export const MATCHER_SUPPORT: Readonly<Record<string, MessageSupport>> = {
  'envoy.type.matcher.v3.StringMatcher': {
    honoured: 'exact prefix suffix safe_regex contains ignore_case',
    refused: { custom: 'custom string matchers are not known' },
  },
  'envoy.type.matcher.v3.RegexMatcher': {
    honoured: 'regex',
    inert: { google_re2: 'every regex is RE2' },
  },
  'envoy.type.matcher.v3.RegexMatcher.GoogleRE2': { inert: { max_program_size: 'the length of a pattern is limited' } },
  'envoy.config.route.v3.HeaderMatcher': {
    honoured:
      'name exact_match safe_regex_match range_match present_match prefix_match suffix_match contains_match string_match invert_match treat_missing_header_as_empty',
  },
  'envoy.type.v3.Int64Range': { honoured: 'start end' },
  'envoy.type.v3.FractionalPercent': { honoured: 'numerator denominator' },
  'envoy.config.core.v3.RuntimeFractionalPercent': {
    honoured: 'default_value',
    approximated: { runtime_key: 'there is no runtime: the default value is used' },
  },
  'envoy.config.core.v3.Metadata': {
    honoured: 'filter_metadata',
    ignored: { typed_filter_metadata: 'only filter_metadata is read' },
  },
  'envoy.config.core.v3.HeaderValueOption': { honoured: 'header append append_action keep_empty_value' },
  'envoy.config.core.v3.HeaderValue': { honoured: 'key value raw_value' },
  'envoy.config.core.v3.DataSource': {
    honoured: 'inline_bytes inline_string',
    ignored: {
      filename: 'files are not read',
      environment_variable: 'variables are not read',
      watched_directory: 'files are not read',
    },
  },
}

const ROUTE_CONFIGURATION: Readonly<Record<string, MessageSupport>> = {
  'envoy.config.route.v3.RouteConfiguration': {
    honoured: `name virtual_hosts response_headers_to_add response_headers_to_remove request_headers_to_add
      request_headers_to_remove most_specific_header_mutations_wins max_direct_response_body_size_bytes
      ignore_port_in_host_matching typed_per_filter_config metadata`,
    inert: { validate_clusters: 'a route to a cluster that is not there answers 503 NC' },
    ignored: {
      vhds: 'virtual hosts are not fetched on demand',
      internal_only_headers: LATER,
      cluster_specifier_plugins: 'a route that names one answers 500',
      request_mirror_policies: LATER,
      ignore_path_parameters_in_path_matching: 'path parameters take part in matching',
    },
    refused: { vhost_header: 'virtual hosts are chosen by the Host header' },
  },
  'envoy.config.route.v3.VirtualHost': {
    honoured: `name domains routes request_headers_to_add request_headers_to_remove response_headers_to_add
      response_headers_to_remove typed_per_filter_config include_request_attempt_count
      include_attempt_count_in_response retry_policy metadata`,
    inert: {
      per_request_buffer_limit_bytes: NO_EFFECT,
      request_body_buffer_limit: NO_EFFECT,
      virtual_clusters: 'statistics of Envoy only',
    },
    ignored: {
      rate_limits: LATER,
      cors: LATER,
      retry_policy_typed_config: LATER,
      hedge_policy: LATER,
      include_is_timeout_retry_header: LATER,
      request_mirror_policies: LATER,
    },
    refused: {
      matcher: 'match trees are not known',
      require_tls: 'plaintext requests would not be redirected',
    },
  },
  'envoy.config.route.v3.Route': {
    honoured: `name match route redirect direct_response non_forwarding_action metadata decorator typed_per_filter_config
      request_headers_to_add request_headers_to_remove response_headers_to_add response_headers_to_remove`,
    inert: {
      per_request_buffer_limit_bytes: NO_EFFECT,
      request_body_buffer_limit: NO_EFFECT,
      stat_prefix: 'statistics of Envoy only',
    },
    approximated: { filter_action: 'the route answers 500' },
    ignored: { tracing: LATER },
  },
  'envoy.config.route.v3.RouteMatch': {
    honoured:
      'prefix path safe_regex connect_matcher path_separated_prefix case_sensitive runtime_fraction headers query_parameters grpc',
    refused: {
      path_match_policy: 'URI templates are not known',
      tls_context: 'the route would match too much',
      dynamic_metadata: 'the route would match too much',
      filter_state: 'the route would match too much',
      cookies: 'the route would match too much',
    },
  },
  'envoy.config.route.v3.RouteMatch.GrpcRouteMatchOptions': {},
  'envoy.config.route.v3.RouteMatch.ConnectMatcher': {},
  'envoy.config.route.v3.QueryParameterMatcher': { honoured: 'name string_match present_match' },
  'envoy.config.route.v3.NonForwardingAction': {},
  'envoy.config.route.v3.RouteAction': {
    byValue: { max_grpc_timeout: 'only 0: grpc-timeout is not read, the timeout of the route applies' },
    honoured: `cluster cluster_header weighted_clusters prefix_rewrite regex_rewrite host_rewrite_literal append_x_forwarded_host
      timeout retry_policy`,
    approximated: {
      cluster_specifier_plugin: 'the route answers 500',
      inline_cluster_specifier_plugin: 'the route answers 500',
      path_rewrite_policy: 'the route answers 500',
      path_rewrite: 'the route answers 500',
      host_rewrite_header: 'the route answers 500',
      host_rewrite_path_regex: 'the route answers 500',
      host_rewrite: 'the route answers 500',
      max_stream_duration: 'the whole request ends after it, as after `timeout`',
    },
    ignored: {
      auto_host_rewrite: 'the Host header stays as it is',
      cluster_not_found_response_code: 'always 503',
      metadata_match: 'every endpoint of the cluster may be chosen',
      idle_timeout: LATER,
      early_data_policy: 'there is no early data',
      retry_policy_typed_config: LATER,
      request_mirror_policies: LATER,
      priority: 'thresholds of the default priority apply',
      rate_limits: LATER,
      include_vh_rate_limits: LATER,
      hash_policy: LATER,
      cors: LATER,
      grpc_timeout_offset: 'grpc-timeout is not read',
      upgrade_configs: LATER,
      internal_redirect_policy: 'redirects are passed on',
      internal_redirect_action: 'redirects are passed on',
      max_internal_redirects: 'redirects are passed on',
      hedge_policy: LATER,
      flush_timeout: LATER,
    },
  },
  'envoy.type.matcher.v3.RegexMatchAndSubstitute': { honoured: 'pattern substitution' },
  'envoy.config.route.v3.WeightedCluster': {
    honoured: 'clusters',
    inert: { runtime_key_prefix: 'there is no runtime', total_weight: 'weights are summed' },
    ignored: { header_name: 'the dice of the request decides', use_hash_policy: 'the dice of the request decides' },
  },
  'envoy.config.route.v3.WeightedCluster.ClusterWeight': {
    honoured: `name weight request_headers_to_add request_headers_to_remove response_headers_to_add
      response_headers_to_remove typed_per_filter_config host_rewrite_literal`,
    approximated: { cluster_header: 'the route answers 500' },
    ignored: { metadata_match: 'every endpoint of the cluster may be chosen' },
  },
  'envoy.config.route.v3.RetryPolicy': {
    honoured: `retry_on num_retries per_try_timeout retry_host_predicate host_selection_retry_max_attempts
      retriable_status_codes retry_back_off retriable_headers`,
    ignored: {
      per_try_idle_timeout: LATER,
      retry_priority: 'priorities are tried as without it',
      retry_options_predicates: LATER,
      rate_limited_retry_back_off: 'the usual back-off applies',
      retriable_request_headers: 'requests are retried whatever their headers',
    },
  },
  'envoy.config.route.v3.RetryPolicy.RetryHostPredicate': {
    honoured: 'name',
    inert: { typed_config: 'previous_hosts has no settings' },
  },
  'envoy.config.route.v3.RetryPolicy.RetryBackOff': { honoured: 'base_interval max_interval' },
  'envoy.config.route.v3.RedirectAction': {
    honoured:
      'https_redirect scheme_redirect host_redirect port_redirect path_redirect prefix_rewrite regex_rewrite response_code strip_query',
  },
  'envoy.config.route.v3.DirectResponseAction': {
    honoured: 'status body',
    ignored: { body_format: 'the body is sent as it is' },
  },
  'envoy.config.route.v3.Decorator': {
    honoured: 'operation',
    ignored: { propagate: LATER },
  },
}

/** RouteConfiguration, alone or inside a Listener. */
export const routeConfigurationSupport: SupportTable = new SupportTable('RouteConfiguration', {
  ...ROUTE_CONFIGURATION,
  ...MATCHER_SUPPORT,
})
