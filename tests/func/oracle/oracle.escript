#!/usr/bin/env escript
-mode(compile).
%% SPDX-License-Identifier: Apache-2.0
%% check IN OUT: reads messages (four octets of length before each), writes for each: 0 and nothing if Erlang/OTP megaco refuses it;
%% else 1 and what it encodes again, compact and pretty, each with its length before it, and each read once more.
%% time IN ROUNDS: how many microseconds a message its decoder takes; with the scanner in C, where it is installed.
main(["check", In, Out]) ->
    {ok, Bin} = file:read_file(In),
    {ok, F} = file:open(Out, [write, raw, delayed_write]),
    lists:foreach(fun(M) -> file:write(F, check(M)) end, split(Bin)),
    ok = file:close(F);
main(["time", In, Rounds]) ->
    {ok, Bin} = file:read_file(In),
    Ms = split(Bin),
    N = list_to_integer(Rounds),
    Conf = case catch megaco_flex_scanner:start() of
        {ok, Port} -> [{flex, Port}];
        _ -> []
    end,
    Run = fun() -> [[{ok, _} = megaco_compact_text_encoder:decode_message(Conf, dynamic, M) || M <- Ms] || _ <- lists:seq(1, N)] end,
    Run(),
    {Us, _} = timer:tc(Run),
    io:format("~.3f~n", [Us / (N * length(Ms))]).

split(<<L:32, M:L/binary, Rest/binary>>) -> [M | split(Rest)];
split(<<>>) -> [].

check(Bin) ->
    case catch megaco_compact_text_encoder:decode_message([], dynamic, Bin) of
        {ok, Msg} ->
            V = version(Bin),
            case catch {again(megaco_compact_text_encoder, V, Msg), again(megaco_pretty_text_encoder, V, Msg)} of
                {C, P} when is_binary(C), is_binary(P) ->
                    [1, <<(byte_size(C)):32>>, C, <<(byte_size(P)):32>>, P];
                _ -> [2]     % read, but its own encoder or decoder fails on it
            end;
        _ -> [0]
    end.

again(Codec, V, Msg) ->
    {ok, Enc} = Codec:encode_message([], V, Msg),
    {ok, _} = Codec:decode_message([], dynamic, Enc),
    Enc.

version(Bin) ->
    {match, [V]} = re:run(Bin, "(?:MEGACO|!)/([0-9]+)", [{capture, [1], list}, caseless]),
    list_to_integer(V).
